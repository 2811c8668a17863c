// Logins and logouts of two threads, in the critical orders, one after the other.
#include "gate.hpp"
#include "module/runtime.hpp"
#include "pin_fixture.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace jpki::test;
using fake::Function;
using fake::Gate;
using fake::Stop;

namespace {

bool is_verify(model::ByteView command, KeyUse use) {
    const std::uint8_t reference = use == KeyUse::authentication ? 0x98 : 0x9B;
    return command.size() > 5 && command[1] == 0x20 && command[3] == reference;
}

// A VERIFY of `use` waits before it is sent.
void stop_at_verify(KeyUse use, Gate& gate) {
    fake::on_transmit([use, &gate](const std::string&, model::ByteView command) {
        if (is_verify(command, use)) gate.wait_here();
    });
}

void until_closed(CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info{};
    while (C_GetSessionInfo(session, &info) == CKR_OK) std::this_thread::yield();
}

// The result of a login whose session is closed during its VERIFY.
CK_RV login_while_its_session_is_closed(Fixture& f, CK_SESSION_HANDLE session, KeyUse use) {
    Gate gate;
    CK_RV closed = CKR_GENERAL_ERROR, logged_in = CKR_GENERAL_ERROR;
    stop_at_verify(use, gate);
    std::thread user([&] { logged_in = f.login(session, f.card->pin(use)); });
    gate.until_somebody_waits();
    std::thread closer([&] { closed = C_CloseSession(session); });
    until_closed(session);
    gate.open();
    user.join();
    closer.join();
    fake::on_transmit({});
    CHECK_RV(closed, CKR_OK);
    return logged_in;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(logins_of_two_threads)

BOOST_AUTO_TEST_CASE(login_overtaken_by_close_of_last_session_leaves_no_login) {
    for (const KeyUse use : both_keys)
        for (const char* settings : {"", consent_each.c_str()}) {
            Fixture f(settings);
            const auto session = f.open(slot_of(use));
            // Both have found the session; then the close runs to its end, and only then the login continues.
            Stop closing(Function::get_attrib), logging_in(Function::get_status_change);
            CK_RV closed = CKR_GENERAL_ERROR, logged_in = CKR_GENERAL_ERROR;
            fake::on_call(fake::stop_where_told);
            std::thread closer([&] {
                fake::stop = &closing;
                closed = C_CloseSession(session);
            });
            closing.gate.until_somebody_waits();
            std::thread user([&] {
                fake::stop = &logging_in;
                logged_in = f.login(session, f.card->pin(use));
            });
            logging_in.gate.until_somebody_waits();
            closing.gate.open();
            closer.join();
            logging_in.gate.open();
            user.join();
            fake::on_call({});
            CHECK_RV(closed, CKR_OK);
            CHECK_RV(logged_in, CKR_SESSION_HANDLE_INVALID);
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);  // there was something to undo
            BOOST_CHECK_EQUAL(f.state(f.open(slot_of(use))), CKS_RO_PUBLIC_SESSION);
            check_locked_for_others(use);
        }
}

BOOST_AUTO_TEST_CASE(close_of_last_session_during_verify_leaves_no_login) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use));
        CHECK_RV(login_while_its_session_is_closed(f, session, use), CKR_SESSION_HANDLE_INVALID);
        BOOST_CHECK_EQUAL(f.state(f.open(slot_of(use))), CKS_RO_PUBLIC_SESSION);
        check_locked_for_others(use);
    }
}

BOOST_AUTO_TEST_CASE(login_survives_close_of_its_session_while_another_is_open) {
    Fixture f;
    const auto session = f.open(auth_slot), second = f.open(auth_slot);
    CHECK_RV(login_while_its_session_is_closed(f, session, KeyUse::authentication), CKR_OK);
    BOOST_CHECK_EQUAL(f.state(second), CKS_RO_USER_FUNCTIONS);
    signed_by(second, find_key(second), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(logout_of_one_key_during_verify_of_other_is_decided_by_cards_answer) {
    for (const KeyUse leaving : both_keys)
        for (const bool right : {true, false}) {
            const KeyUse coming = leaving == KeyUse::authentication ? KeyUse::signature : KeyUse::authentication;
            Fixture f;
            const auto left = f.open_logged_in(slot_of(leaving)), came = f.open(slot_of(coming));
            Gate gate;
            CK_RV logged_in = CKR_GENERAL_ERROR, logged_out = CKR_GENERAL_ERROR;
            stop_at_verify(coming, gate);
            std::thread user([&] { logged_in = f.login(came, right ? f.card->pin(coming) : wrong_pin(coming)); });
            gate.until_somebody_waits();
            std::thread leaver([&] { logged_out = C_Logout(left); });
            while (f.state(left) != CKS_RO_PUBLIC_SESSION) std::this_thread::yield();
            gate.open();
            user.join();
            leaver.join();
            fake::on_transmit({});
            CHECK_RV(logged_out, CKR_OK);
            CHECK_RV(logged_in, right ? CKR_OK : CKR_PIN_INCORRECT);
            BOOST_CHECK_EQUAL(f.state(came), right ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION);
            if (right) {
                signed_by(came, find_key(came), CKM_SHA256_RSA_PKCS, text);
                REQUIRE_OK(C_Logout(came));
            }
            for (const KeyUse use : both_keys) check_locked_for_others(use);
        }
}

// signature.consent = "each": one session's operation ends while another session's consent is being given.
BOOST_AUTO_TEST_CASE(end_of_operation_keeps_consent_being_given_by_another_session) {
    Fixture f(consent_each);
    const auto session = f.open_logged_in(sign_slot), second = f.open(sign_slot);
    const auto key = find_key(session);
    REQUIRE_OK(sign_init(session, key));
    REQUIRE_OK(f.login(session, sign_pin, CKU_CONTEXT_SPECIFIC));
    REQUIRE_OK(sign_init(second, key));
    Gate gate;
    CK_RV consented = CKR_GENERAL_ERROR, ended = CKR_GENERAL_ERROR;
    stop_at_verify(KeyUse::signature, gate);
    std::thread user([&] { consented = f.login(second, sign_pin, CKU_CONTEXT_SPECIFIC); });
    gate.until_somebody_waits();
    std::thread other([&] { ended = C_SignInit(session, nullptr, 0); });
    // Time for the other thread to get as far as it can; too little only makes this test weaker.
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    gate.open();
    user.join();
    other.join();
    fake::on_transmit({});
    CHECK_RV(consented, CKR_OK);
    CHECK_RV(ended, CKR_OK);
    CHECK_RV(finish_sign(second), CKR_OK);
}

// The end of an operation without a consent needs nothing of the card.
BOOST_AUTO_TEST_CASE(end_of_operation_without_consent_does_not_wait_for_consent_of_another_session) {
    const std::function<void(Fixture&, CK_SESSION_HANDLE)> before[] = {
        [](Fixture&, CK_SESSION_HANDLE) {},
        [](Fixture& f, CK_SESSION_HANDLE session) {
            REQUIRE_OK(f.login(session, sign_pin, CKU_CONTEXT_SPECIFIC));
            CHECK_RV(set_pin(session, "WRONG1", "FRESH99"), CKR_PIN_INCORRECT);  // ends the consent
        },
        [](Fixture& f, CK_SESSION_HANDLE session) {
            REQUIRE_OK(f.login(session, sign_pin, CKU_CONTEXT_SPECIFIC));
            REQUIRE_OK(C_Logout(session));
            REQUIRE_OK(f.login(session, sign_pin));
        }};
    for (const auto& prepare : before) {
        Fixture f(consent_each);
        const auto session = f.open_logged_in(sign_slot, CKF_RW_SESSION), second = f.open(sign_slot);
        REQUIRE_OK(sign_init(session, find_key(session)));
        prepare(f, session);
        REQUIRE_OK(sign_init(second, find_key(second)));
        Gate gate;
        CK_RV consented = CKR_GENERAL_ERROR;
        stop_at_verify(KeyUse::signature, gate);
        std::thread user([&] { consented = f.login(second, sign_pin, CKU_CONTEXT_SPECIFIC); });
        gate.until_somebody_waits();
        auto ended = std::async(std::launch::async, [&] { return C_SignInit(session, nullptr, 0); });
        BOOST_CHECK(ended.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
        gate.open();
        user.join();
        CHECK_RV(ended.get(), CKR_OK);
        fake::on_transmit({});
        CHECK_RV(consented, CKR_OK);
        CHECK_RV(finish_sign(second), CKR_OK);
    }
}

BOOST_AUTO_TEST_CASE(logout_during_verify_of_same_key_comes_before_or_after_login) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use)), second = f.open(slot_of(use));
        Gate gate;
        CK_RV logged_in = CKR_GENERAL_ERROR, logged_out = CKR_GENERAL_ERROR;
        stop_at_verify(use, gate);
        std::thread user([&] { logged_in = f.login(session, f.card->pin(use)); });
        gate.until_somebody_waits();
        auto leaver = fake::start_until_it_sleeps([&] { logged_out = C_Logout(second); });
        gate.open();
        user.join();
        leaver.join();
        fake::on_transmit({});
        CHECK_RV(logged_in, CKR_OK);
        // A logout without an error came last; one that met no login came first, and left the login alone.
        BOOST_CHECK(logged_out == CKR_OK || logged_out == CKR_USER_NOT_LOGGED_IN);
        BOOST_CHECK_EQUAL(f.state(session), logged_out == CKR_OK ? CKS_RO_PUBLIC_SESSION : CKS_RO_USER_FUNCTIONS);
    }
}

BOOST_AUTO_TEST_CASE(wrong_pin_of_two_threads_is_sent_once) {
    const std::function<CK_RV(Fixture&, CK_SESSION_HANDLE, KeyUse)> calls[] = {
        [](Fixture& f, CK_SESSION_HANDLE session, KeyUse use) { return f.login(session, wrong_pin(use)); },
        [](Fixture&, CK_SESSION_HANDLE session, KeyUse use) {
            return set_pin(session, wrong_pin(use), use == KeyUse::authentication ? "4711" : "FRESH99");
        }};
    for (const KeyUse use : both_keys)
        for (const auto& call : calls) {
            Fixture f;
            const auto session = f.open(slot_of(use), CKF_RW_SESSION);
            Gate gate;
            bool stopped = false;  // under the transaction
            fake::on_transmit([&](const std::string&, model::ByteView command) {
                if (is_verify(command, use) && !std::exchange(stopped, true)) gate.wait_here();
            });
            CK_RV first = CKR_GENERAL_ERROR, second = CKR_GENERAL_ERROR;
            std::thread one([&] { first = call(f, session, use); });
            gate.until_somebody_waits();
            auto other = fake::start_until_it_sleeps([&] { second = call(f, session, use); });
            gate.open();
            one.join();
            other.join();
            fake::on_transmit({});
            CHECK_RV(first, CKR_PIN_INCORRECT);
            CHECK_RV(second, CKR_PIN_INCORRECT);
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
        }
}

// The end of a login that no session uses: what it was decided by stays true until the user is logged out.
BOOST_AUTO_TEST_CASE(login_waits_for_logout_of_unused_token_and_is_kept) {
    Fixture f;
    const auto session = f.open(auth_slot);
    auto& token = jpki::Runtime::get()->slots.insertion(auth_slot)->token(jpki::KeyUse::authentication);
    Gate decided;
    std::thread closer([&] {
        token.logout_if([&] {
            decided.wait_here();
            return true;
        });
    });
    decided.until_somebody_waits();
    std::atomic<pid_t> thread = 0;
    std::atomic<bool> ended = false;
    CK_RV logged_in = CKR_GENERAL_ERROR;
    std::thread user([&] {
        thread = ::gettid();
        logged_in = f.login(session, auth_pin);
        ended = true;
    });
    // It waits for the logout, or it logs in without waiting.
    fake::give_time(thread, ended);
    decided.open();
    closer.join();
    user.join();
    CHECK_RV(logged_in, CKR_OK);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_SUITE_END()
