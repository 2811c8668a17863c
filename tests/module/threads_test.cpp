// Any function from any thread. Run it under ThreadSanitizer too (-DJPKI_SANITIZE=thread).
#include "gate.hpp"
#include "removal_fixture.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <unistd.h>

using namespace jpki::test;

namespace {

// Runs `work(n)` in `count` threads. Boost's checks are not for threads: `work` returns whether all was well.
std::size_t good_threads(std::size_t count, const std::function<bool(std::size_t)>& work) {
    std::atomic<std::size_t> good = 0;
    std::vector<std::thread> threads;
    for (std::size_t n = 0; n < count; ++n) threads.emplace_back([&, n] { good += work(n) ? 1 : 0; });
    for (auto& thread : threads) thread.join();
    return good;
}

CK_SESSION_HANDLE opened(CK_SLOT_ID slot) {
    CK_SESSION_HANDLE session = 0;
    return C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) == CKR_OK ? session : 0;
}

CK_OBJECT_HANDLE key_of(CK_SESSION_HANDLE session) {
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &object_class, sizeof object_class};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;
    if (C_FindObjectsInit(session, &wanted, 1) != CKR_OK) return 0;
    const CK_RV rv = C_FindObjects(session, &key, 1, &count);
    C_FindObjectsFinal(session);
    return rv == CKR_OK && count == 1 ? key : 0;
}

bool login_of(CK_SESSION_HANDLE session, const std::string& pin) {
    std::string copy = pin;
    const CK_RV rv = C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(copy.data()), static_cast<CK_ULONG>(copy.size()));
    return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN;
}

// The codes that a call may return while cards are swapped and others use the same session.
bool standard(CK_RV rv) {
    switch (rv) {
    case CKR_OK:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_DEVICE_REMOVED:
    case CKR_DEVICE_ERROR:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_OPERATION_ACTIVE:
    case CKR_OPERATION_NOT_INITIALIZED:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_USER_ALREADY_LOGGED_IN:
    case CKR_SIGNATURE_INVALID:
    case CKR_SESSION_READ_ONLY:
    case CKR_NO_EVENT: return true;
    default: return false;
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(threads)

BOOST_AUTO_TEST_CASE(eight_threads_sign_100_times_each_with_both_keys) {
    Fixture f;
    const std::size_t good = good_threads(8, [&](std::size_t n) {
        const CK_SLOT_ID slot = n % 2;
        const auto session = opened(slot);
        if (!session || !login_of(session, slot == 0 ? auth_pin : sign_pin)) return false;
        const auto key = key_of(session);
        for (std::size_t i = 0; i < 100; ++i) {
            Bytes data = {static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(i)}, signature;
            if (sign(session, key, CKM_SHA256_RSA_PKCS, data, signature) != CKR_OK) return false;
            if (!openssl_verifies(certificate_of(*f.card, slot), CKM_SHA256_RSA_PKCS, data, signature)) return false;
        }
        return true;
    });
    BOOST_CHECK_EQUAL(good, 8u);
    BOOST_CHECK_EQUAL(f.card->counts().signatures[0] + f.card->counts().signatures[1], 800u);
    for (const KeyUse use : both_keys) BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);  // one login for all requests
    BOOST_CHECK_EQUAL(fake::open_now().handles, 1u);
}

BOOST_AUTO_TEST_CASE(two_cards_are_used_in_parallel) {
    Fixture f;
    const auto other = card_of_person(1);
    fake::add_reader("Another Reader 01 00", other);
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
    const std::size_t good = good_threads(4, [&](std::size_t n) {
        const auto session = opened(n);
        const CardModel& card = n < 2 ? *f.card : *other;
        if (!session || !login_of(session, n % 2 == 0 ? auth_pin : sign_pin)) return false;
        for (std::size_t i = 0; i < 20; ++i) {
            Bytes signature;
            if (sign(session, key_of(session), CKM_SHA256_RSA_PKCS, text, signature) != CKR_OK) return false;
            if (!openssl_verifies(certificate_of(card, n), CKM_SHA256_RSA_PKCS, text, signature)) return false;
        }
        return true;
    });
    BOOST_CHECK_EQUAL(good, 4u);
}

BOOST_AUTO_TEST_CASE(session_calls_from_many_threads_on_one_session_are_safe) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    std::atomic<std::size_t> signatures = 0, wrong = 0;
    const std::size_t good = good_threads(6, [&](std::size_t n) {
        for (std::size_t i = 0; i < 60; ++i) {
            const CK_RV begun = sign_init(session, key);
            unsigned char data[4] = {'t', 'e', 'x', 't'}, out[256] = {};
            CK_ULONG length = sizeof out;
            const CK_RV rv = C_Sign(session, data, 4, out, &length);
            if (!standard(begun) || !standard(rv)) return false;
            if (rv != CKR_OK) continue;
            ++signatures;
            if (!openssl_verifies(f.card->pki().authentication_certificate, CKM_SHA256_RSA_PKCS, text, Bytes(out, out + 256)))
                ++wrong;
            CK_SESSION_INFO info{};
            CK_ATTRIBUTE wanted = {CKA_MODULUS, nullptr, 0};
            if (C_GetSessionInfo(session, &info) != CKR_OK || C_GetAttributeValue(session, key, &wanted, 1) != CKR_OK)
                return false;
            if (n == 0) key_of(session);
        }
        return true;
    });
    BOOST_CHECK_EQUAL(good, 6u);
    BOOST_CHECK_GT(signatures, 0u);
    BOOST_CHECK_EQUAL(wrong, 0u);
}

BOOST_AUTO_TEST_CASE(every_function_is_safe_while_cards_are_swapped) {
    Fixture f;
    const auto other = card_of_person(1);
    std::atomic<bool> stop = false;
    std::atomic<std::size_t> calls = 0;
    std::thread hands([&] {
        for (int i = 0; i < 40; ++i) {
            fake::swap_card(reader_name, i % 2 ? f.card : other);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        stop = true;
    });
    std::array<std::atomic<CK_RV>, 6> odd{};
    good_threads(6, [&](std::size_t n) {
        const auto note = [&](CK_RV rv) {
            ++calls;
            if (!standard(rv)) odd[n] = rv;
        };
        while (!stop) {
            const CK_SLOT_ID slot = n % 2;
            CK_SESSION_HANDLE session = 0;
            note(C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
            login_of(session, slot == 0 ? auth_pin : sign_pin);
            const CK_OBJECT_HANDLE key = key_of(session);
            Bytes signature;
            note(sign(session, key, CKM_SHA256_RSA_PKCS, text, signature));
            for (const SessionCall& call : session_calls()) {
                // C_Login and C_SetPIN share a buffer there, and PINs must not be guessed here.
                if (const std::string name = call.name; name == "C_GetSessionInfo" || name == "C_FindObjectsInit" ||
                                                        name == "C_FindObjectsFinal" || name == "C_GetObjectSize" ||
                                                        name == "C_GetAttributeValue" || name == "C_CloseSession")
                    note(call.call(session, key));
            }
            CK_TOKEN_INFO token{};
            note(C_GetTokenInfo(slot, &token));
            CK_SLOT_INFO info{};
            note(C_GetSlotInfo(slot, &info));
            CK_ULONG count = 0;
            note(C_GetSlotList(CK_TRUE, nullptr, &count));
            note(C_GetMechanismList(slot, nullptr, &count));
            CK_SLOT_ID changed = 0;
            note(C_WaitForSlotEvent(CKF_DONT_BLOCK, &changed, nullptr));
            if (n == 5) note(C_CloseAllSessions(slot));
        }
        return true;
    });
    hands.join();
    for (const auto& rv : odd) CHECK_RV(rv.load(), CKR_OK);
    BOOST_TEST_MESSAGE("counted: " << calls << " calls while the card was swapped 40 times");
    for (const auto& card : {f.card, other})
        for (const KeyUse use : both_keys) BOOST_CHECK_EQUAL(card->tries(use), card->knobs().max_tries[index(use)]);
    serves(f, auth_slot, *f.card);
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    BOOST_CHECK_LE(fake::open_now().handles, 1u);
}

BOOST_AUTO_TEST_CASE(logins_and_logouts_of_many_threads_end_in_consistent_state) {
    Fixture f;
    const auto session = f.open(auth_slot);
    const std::size_t good = good_threads(4, [&](std::size_t) {
        for (int i = 0; i < 50; ++i) {
            if (!login_of(session, auth_pin)) return false;
            const CK_RV rv = C_Logout(session);
            if (rv != CKR_OK && rv != CKR_USER_NOT_LOGGED_IN) return false;
        }
        return true;
    });
    BOOST_CHECK_EQUAL(good, 4u);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(call_on_operations_of_session_waits_for_running_one) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    REQUIRE_OK(sign_init(session, find_key(session)));
    fake::Gate gate;
    fake::on_transmit([&](const std::string&, model::ByteView command) {
        if (command[1] == 0x2A) gate.wait_here();
    });
    CK_RV signature = CKR_GENERAL_ERROR, begun = CKR_GENERAL_ERROR;
    std::thread signer([&] { signature = finish_sign(session); });
    gate.until_somebody_waits();
    std::atomic<pid_t> thread = 0;
    std::atomic<bool> ended = false;
    std::thread other([&] {
        thread = ::gettid();
        CK_MECHANISM mechanism = {CKM_SHA256, nullptr, 0};
        begun = C_DigestInit(session, &mechanism);
        ended = true;
    });
    fake::give_time(thread, ended);
    BOOST_CHECK(!ended);
    gate.open();
    signer.join();
    other.join();
    fake::on_transmit({});
    CHECK_RV(signature, CKR_OK);
    CHECK_RV(begun, CKR_OK);
}

BOOST_AUTO_TEST_SUITE_END()
