// Another program that keeps the card in use: bounded waits, nothing sent, nothing lost, and recovery at the next call.
#include "apdu/card.hpp"
#include "log_file.hpp"
#include "other_programs_fixture.hpp"
#include "test_clock.hpp"

#include <atomic>
#include <future>
#include <thread>

using namespace jpki::test;

namespace {

// Initialises the library again, with CKF_LIBRARY_CANT_CREATE_OS_THREADS.
void forbid_threads() {
    REQUIRE_OK(C_Finalize(nullptr));
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK;
    REQUIRE_OK(C_Initialize(&arguments));
}

bool comes_true(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return condition();
}

// A call during which another program's transaction begins by a hook. One that waits without a bound fails the test, and is
// released.
void fails_before_transaction_of_other_ends(const std::function<CK_RV()>& call) {
    auto calling = std::async(std::launch::async, call);
    const bool bounded_wait = calling.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    BOOST_CHECK(bounded_wait);
    fake::on_call({});
    fake::other_ends_transaction(reader_name);
    CHECK_RV(calling.get(), CKR_FUNCTION_FAILED);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(busy)

BOOST_AUTO_TEST_CASE(transaction_longer_than_busy_timeout_fails_only_calls_that_need_card) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f(impatient);
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    const auto fresh = f.open(sign_slot);
    other_selects_jpki();
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    f.card->reset_counts();
    CK_TOKEN_INFO token{};
    CHECK_RV(bounded([&] { return C_GetTokenInfo(auth_slot, &token); }), CKR_FUNCTION_FAILED);
    CHECK_RV(bounded([&] { return search(session); }), CKR_FUNCTION_FAILED);
    CHECK_RV(bounded([&] { return try_sign(session, key); }), CKR_FUNCTION_FAILED);
    CHECK_RV(bounded([&] { return f.login(fresh, sign_pin); }), CKR_FUNCTION_FAILED);
    // These send nothing, and must not wait.
    const auto before = jpki::CardClock::now();
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
    CK_SLOT_INFO slot{};
    REQUIRE_OK(C_GetSlotInfo(auth_slot, &slot));
    BOOST_CHECK(slot.flags & CKF_TOKEN_PRESENT);
    const auto another = f.open(auth_slot);
    REQUIRE_OK(sign_init(session, key));
    REQUIRE_OK(C_CloseSession(another));
    BOOST_CHECK(jpki::CardClock::now() - before < std::chrono::milliseconds(200));
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);

    fake::other_ends_transaction(reader_name);
    REQUIRE_OK(finish_sign(session));
    REQUIRE_OK(f.login(fresh, sign_pin));
    REQUIRE_OK(search(session));
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &token));
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 1u);
    BOOST_CHECK_EQUAL(f.card->counts().signatures[0], 1u);
}

BOOST_AUTO_TEST_CASE(transaction_that_ends_in_time_only_delays_call) {
    Fixture f("[reader]\nbusy_timeout_ms = 5000\n");
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    fake::reset_calls();
    auto signing = std::async(std::launch::async, [&] { return try_sign(session, key); });
    while (fake::calls(fake::Function::get_attrib) < 4) std::this_thread::yield();  // it waits
    BOOST_CHECK_EQUAL(f.card->counts().signatures[0], 0u);
    fake::other_ends_transaction(reader_name);
    CHECK_RV(signing.get(), CKR_OK);
}

BOOST_AUTO_TEST_CASE(finalize_waits_once_for_busy_card_and_logs_what_failed) {
    const test_clock::SleepsTakeNoTime no_waits;
    const LogFile log;
    Fixture f(impatient + log.settings("error"));
    f.open_logged_in(auth_slot);
    f.open_logged_in(sign_slot);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CHECK_RV(bounded([] { return C_Finalize(nullptr); }), CKR_OK);
    const auto lines = log.lines();
    BOOST_REQUIRE_EQUAL(lines.size(), 1u);
    BOOST_CHECK(lines.front().find("cannot end the login at the card") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(login_at_busy_card_costs_no_try) {
    Fixture f("[reader]\nbusy_timeout_ms = 0\n");
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    for (int i = 0; i < 10; ++i) {
        CHECK_RV(f.login(session, "0000"), CKR_FUNCTION_FAILED);
        CHECK_RV(set_pin(session, "0000", "4711"), CKR_FUNCTION_FAILED);
    }
    fake::other_ends_transaction(reader_name);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 3);
    REQUIRE_OK(f.login(session, auth_pin));
}

BOOST_AUTO_TEST_CASE(exclusive_access_is_waited_for_until_its_limit) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f(impatient);
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    CK_SESSION_HANDLE session = 0;
    const auto open = [&] { return C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session); };
    CHECK_RV(bounded(open), CKR_FUNCTION_FAILED);
    CK_TOKEN_INFO token{};
    CHECK_RV(bounded([&] { return C_GetTokenInfo(sign_slot, &token); }), CKR_FUNCTION_FAILED);
    CK_SLOT_INFO slot{};
    REQUIRE_OK(C_GetSlotInfo(auth_slot, &slot));
    BOOST_CHECK_EQUAL(slot.flags & CKF_TOKEN_PRESENT, 0u);  // it is not known which card it is
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    fake::other_closes(reader_name);
    serves(f, auth_slot, *f.card);
    serves(f, sign_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(exclusive_access_that_ends_in_time_only_delays_call) {
    Fixture f("[reader]\nbusy_timeout_ms = 5000\n");
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    fake::on_call([asked = std::make_shared<int>(0)](fake::Function function) {
        if (function == fake::Function::get_status_change && ++*asked == 4) fake::other_closes(reader_name, SCARD_RESET_CARD);
    });
    CK_SESSION_HANDLE session = 0;
    CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_OK);
    fake::on_call({});
}

BOOST_AUTO_TEST_CASE(first_connection_that_waits_in_pcscd_delays_no_other_reader) {
    // Only a thread can bound that wait (apdu/pcsc_connecting.hpp); where the host forbids threads only this call may
    // wait.
    const std::string second_reader = "Another Reader 01 00";
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f(impatient);
    forbid_threads();
    const auto other = card_of_person(1);
    fake::add_reader(second_reader, other);
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_REQUIRE_EQUAL(count, 4u);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    auto opening = std::async(std::launch::async, [&] {
        CK_SESSION_HANDLE session = 0;
        return C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
    });
    BOOST_REQUIRE(fake::wait_until_blocked(fake::Function::connect));
    auto elsewhere = std::async(std::launch::async, [&] {
        CK_SLOT_INFO slot{};
        CK_SLOT_ID none = 0;
        BOOST_CHECK(C_GetSlotInfo(auth_slot, &slot) == CKR_OK);
        BOOST_CHECK(C_WaitForSlotEvent(CKF_DONT_BLOCK, &none, nullptr) == CKR_NO_EVENT);
        serves(f, 2, *other);
    });
    const bool free = elsewhere.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    BOOST_CHECK(free);
    fake::other_ends_transaction(reader_name);
    elsewhere.get();
    CHECK_RV(opening.get(), CKR_OK);
}

BOOST_AUTO_TEST_CASE(card_in_use_is_connected_in_own_thread_unless_host_forbids_threads) {
    for (const bool forbidden : {false, true}) {
        Fixture f("[reader]\nbusy_timeout_ms = 20000\n");
        if (forbidden) forbid_threads();
        fake::other_transmit(reader_name, model::Bytes{0x00, 0xA4, 0x04, 0x00, 0x00});
        std::atomic<std::thread::id> connects;
        fake::on_call([&](fake::Function function) {
            if (function == fake::Function::connect) connects = std::this_thread::get_id();
        });
        f.open(auth_slot);
        fake::on_call({});
        BOOST_CHECK(connects.load() != std::thread::id{});
        BOOST_CHECK_EQUAL(connects.load() == std::this_thread::get_id(), forbidden);
    }
}

BOOST_AUTO_TEST_CASE(connection_delayed_by_pcscd_is_abandoned_in_time_and_retried_later) {
    Fixture f(impatient);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    fake::reset_calls();
    CK_TOKEN_INFO token{};
    CK_SESSION_HANDLE session = 0;
    CK_SLOT_INFO slot{};
    for (int i = 0; i < 5; ++i) {
        CHECK_RV(bounded([&] { return C_GetTokenInfo(auth_slot, &token); }), CKR_FUNCTION_FAILED);
        CHECK_RV(bounded([&] { return C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session); }),
                 CKR_FUNCTION_FAILED);
        CHECK_RV(bounded([&] { return C_GetSlotInfo(auth_slot, &slot); }), CKR_OK);
        BOOST_CHECK_EQUAL(slot.flags & CKF_TOKEN_PRESENT, 0u);
    }
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::connect), 1u);  // one thread, not one per call
    fake::other_ends_transaction(reader_name);
    // A connection that came too late is not kept from others.
    BOOST_CHECK(comes_true([] { return fake::open_now().handles == 0; }));
    serves(f, auth_slot, *f.card);
    serves(f, sign_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(list_waits_for_connection_that_only_slow_pcscd_delays) {
    // p11-kit beside OpenSC's module, which stays connected, on a busy machine: it asks once.
    Fixture f("[reader]\nbusy_timeout_ms = 20000\n");
    fake::other_transmit(reader_name, model::Bytes{0x00, 0xA4, 0x04, 0x00, 0x00});
    // Slow until it is connected.
    fake::on_call([connected = std::make_shared<std::atomic<bool>>(false)](fake::Function function) {
        if (function == fake::Function::begin_transaction) *connected = true;
        if (!*connected) std::this_thread::sleep_for(std::chrono::milliseconds(120));
    });
    CK_ULONG count = 0;
    CHECK_RV(C_GetSlotList(CK_TRUE, nullptr, &count), CKR_OK);
    fake::on_call({});
    BOOST_CHECK_EQUAL(count, 2u);
}

BOOST_AUTO_TEST_CASE(list_does_not_wait_for_transaction_while_pcscd_answers) {
    Fixture f("[reader]\nbusy_timeout_ms = 600000\n");
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CK_ULONG count = 0;
    CHECK_RV(bounded([&] { return C_GetSlotList(CK_TRUE, nullptr, &count); }), CKR_OK);
    BOOST_CHECK_EQUAL(count, 0u);
    CHECK_RV(C_Finalize(nullptr), CKR_OK);
    fake::other_ends_transaction(reader_name);
    BOOST_CHECK(comes_true([] { return fake::open_now() == fake::Open{}; }));
}

BOOST_AUTO_TEST_CASE(connection_that_pcscd_grants_in_time_is_used) {
    Fixture f("[reader]\nbusy_timeout_ms = 20000\n");
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    auto opening = std::async(std::launch::async, [&] { return f.open(auth_slot); });
    BOOST_REQUIRE(fake::wait_until_blocked(fake::Function::connect));
    fake::other_ends_transaction(reader_name);
    BOOST_CHECK_EQUAL(f.state(opening.get()), CKS_RO_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(fake::open_now().handles, 1u);
}

BOOST_AUTO_TEST_CASE(finalize_does_not_wait_for_connection_delayed_by_pcscd_and_releases_it) {
    Fixture f(impatient);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CK_TOKEN_INFO token{};
    CHECK_RV(C_GetTokenInfo(auth_slot, &token), CKR_FUNCTION_FAILED);
    CHECK_RV(bounded([] { return C_Finalize(nullptr); }), CKR_OK);
    fake::other_ends_transaction(reader_name);
    BOOST_CHECK(comes_true([] { return fake::open_now() == fake::Open{}; }));
}

BOOST_AUTO_TEST_CASE(transaction_is_not_begun_if_another_one_begins_in_gap) {
    // SCardBeginTransaction would wait for the end of the transaction that begins then.
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f("[reader]\nbusy_timeout_ms = 200\n");
    const auto session = f.open_logged_in(auth_slot);
    REQUIRE_OK(sign_init(session, find_key(session)));
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CK_TOKEN_INFO token{};
    test_clock::ahead += 2000;
    CHECK_RV(C_GetTokenInfo(auth_slot, &token), CKR_FUNCTION_FAILED);  // meets the other program's transaction
    test_clock::ahead = 0;
    fake::other_ends_transaction(reader_name);
    fake::on_call([looks = std::make_shared<int>(0)](fake::Function function) {
        if (function == fake::Function::get_attrib && ++*looks == 3) fake::other_begins_transaction(reader_name);
    });
    fake::reset_calls();
    fails_before_transaction_of_other_ends([&] {
        const CK_RV rv = finish_sign(session);
        BOOST_CHECK_EQUAL(fake::calls(fake::Function::begin_transaction), 0u);
        return rv;
    });
}

BOOST_AUTO_TEST_CASE(transaction_that_another_program_begins_after_its_reset_is_waited_for_until_busy_timeout) {
    // SCardReconnect would wait for its end.
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f("[reader]\nbusy_timeout_ms = 200\n");
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    BOOST_REQUIRE(fake::other_resets(reader_name));
    fake::on_call([begun = std::make_shared<bool>(false)](fake::Function function) {
        if (function == fake::Function::begin_transaction && !std::exchange(*begun, true))
            fake::other_begins_transaction(reader_name);
    });
    fails_before_transaction_of_other_ends([&] { return try_sign(session, key); });
    CHECK_RV(try_sign(session, key), CKR_OK);
}

BOOST_AUTO_TEST_CASE(finalize_with_busy_card_is_bounded_and_leaves_no_connection) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f(impatient);
    const auto session = f.open_logged_in(auth_slot);
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CHECK_RV(bounded([] { return C_Finalize(nullptr); }), CKR_OK);
    BOOST_CHECK(fake::open_now() == fake::Open{});
    fake::other_ends_transaction(reader_name);
}

BOOST_AUTO_TEST_SUITE_END()
