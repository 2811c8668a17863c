// Other programs use the card at the same time: nothing is lost, and none of their data is taken for ours.
#include "other_programs_fixture.hpp"

#include <atomic>
#include <thread>

using namespace jpki::test;

namespace {

using Read = Knobs::ForeignRead;

}  // namespace

BOOST_AUTO_TEST_SUITE(disturb)

BOOST_AUTO_TEST_CASE(two_programs_sign_in_parallel_without_loss) {
    Fixture f;
    jpki::model::remember_signatures(false);  // the module shall see the other program's transactions
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    std::atomic<bool> stop = false;
    std::atomic<std::size_t> theirs = 0, lost = 0;
    std::thread other([&] {
        const Bytes select = {0x00, 0xA4, 0x04, 0x0C, 0x0A, 0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01};
        const Bytes sign_command = {0x80, 0x2A, 0x00, 0x97, 0x05, 1, 2, 3, 4, 5, 0x00};
        while (!stop) {
            if (!fake::other_begins_transaction(reader_name, std::chrono::seconds(5))) {
                ++lost;
                continue;
            }
            const bool good = fake::other_transmit(reader_name, select) == Bytes{0x90, 0x00} &&
                              fake::other_transmit(reader_name, sign_command).size() == 258;
            fake::other_ends_transaction(reader_name);
            good ? ++theirs : ++lost;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));  // it does something else too
        }
    });
    std::size_t ours = 0, wanted = 0;
    // On a busy machine the other thread may begin late.
    for (; wanted < 50 || (theirs == 0 && lost == 0 && wanted < 20000); ++wanted) {
        Bytes data = {static_cast<std::uint8_t>(wanted)}, signature;
        CHECK_RV(sign(session, key, CKM_SHA256_RSA_PKCS, data, signature), CKR_OK);
        if (openssl_verifies(f.card->pki().authentication_certificate, CKM_SHA256_RSA_PKCS, data, signature)) ++ours;
    }
    stop = true;
    other.join();
    BOOST_TEST_MESSAGE("counted: " << ours << " signatures of ours, " << theirs << " of the other program at the same time");
    BOOST_CHECK_EQUAL(ours, wanted);
    BOOST_CHECK_EQUAL(lost, 0u);
    BOOST_CHECK_GT(theirs, 0u);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
}

BOOST_AUTO_TEST_CASE(files_of_another_application_are_never_returned) {
    for (const Read read : {Read::refused, Read::other_bytes, Read::other_certificate})
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            Knobs knobs;
            knobs.foreign_read = read;
            Fixture f(knobs);
            const auto session = f.open(slot);
            // At every command of a search another program selects its application, between two transactions or in one.
            for (std::size_t at = 0; at < 3; ++at) {
                f.card->inject({Fault::Kind::other_application, at});
                const CK_RV rv = search(session);
                BOOST_CHECK(rv == CKR_OK || rv == CKR_DEVICE_ERROR);
            }
            f.card->inject({Fault::Kind::none, 0});
            f.card->other_program_selects_another_application();
            if (slot == auth_slot) BOOST_CHECK(shown_certificate(session, slot) == certificate_of(*f.card, slot));
            REQUIRE_OK(f.login(session, slot == auth_slot ? auth_pin : sign_pin));
            BOOST_CHECK(shown_certificate(session, slot) == certificate_of(*f.card, slot));
            CK_TOKEN_INFO token{};
            f.card->other_program_selects_another_application();
            REQUIRE_OK(C_GetTokenInfo(slot, &token));
            BOOST_CHECK_EQUAL(token.flags & count_flags, 0u);
        }
}

BOOST_AUTO_TEST_CASE(another_application_ends_login_with_CKR_USER_NOT_LOGGED_IN_and_next_login_works) {
    for (const bool resets : {false, true})
        for (const bool opposite : {false, true}) {
            Knobs knobs;
            knobs.reselect_clears_pin = knobs.reset_clears_pin = opposite;
            Fixture f(knobs);
            const auto auth = f.open_logged_in(auth_slot), sign_session = f.open_logged_in(sign_slot);
            if (opposite) {  // the second login selected the application, which ended the first
                CHECK_RV(try_sign(auth, find_class(auth, CKO_PRIVATE_KEY).empty() ? 0 : find_key(auth)), CKR_USER_NOT_LOGGED_IN);
                REQUIRE_OK(f.login(auth, auth_pin));
            }
            const auto key = find_key(auth);
            signed_by(auth, key, CKM_SHA256_RSA_PKCS, text);
            other_selects_another_application();
            if (resets) BOOST_REQUIRE(fake::other_resets(reader_name));
            CHECK_RV(try_sign(auth, key), CKR_USER_NOT_LOGGED_IN);
            BOOST_CHECK_EQUAL(f.state(auth), CKS_RO_PUBLIC_SESSION);
            REQUIRE_OK(f.login(auth, auth_pin));
            signed_by(auth, find_key(auth), CKM_SHA256_RSA_PKCS, text);
            C_Logout(sign_session);
            REQUIRE_OK(f.login(sign_session, sign_pin));
            signed_by(sign_session, find_key(sign_session), CKM_SHA256_RSA_PKCS, text);
        }
}

BOOST_AUTO_TEST_CASE(pin_changed_by_another_program_is_accepted) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    BOOST_REQUIRE_EQUAL(other_verifies(KeyUse::authentication, auth_pin), 0x9000);
    BOOST_REQUIRE_EQUAL(other_sends({0x00, 0x24, 0x01, 0x98, 0x04, '4', '7', '1', '1'}), 0x9000);
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);  // our login is still valid at the card
    REQUIRE_OK(C_Logout(session));
    CHECK_RV(f.login(session, auth_pin), CKR_PIN_INCORRECT);
    REQUIRE_OK(f.login(session, "4711"));
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(pin_blocked_by_another_program_is_locked_and_other_key_works) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    for (const int answer : {0x63C2, 0x63C1, 0x63C0}) BOOST_REQUIRE_EQUAL(other_verifies(KeyUse::authentication, "0000"), answer);
    CHECK_RV(try_sign(session, key), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(f.login(session, auth_pin), CKR_PIN_LOCKED);
    CHECK_RV(f.login(session, auth_pin), CKR_PIN_LOCKED);
    BOOST_CHECK_EQUAL(pin_flags(auth_slot), CKF_USER_PIN_LOCKED);
    BOOST_CHECK(shown_certificate(session, auth_slot) == certificate_of(*f.card, auth_slot));
    serves(f, sign_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(card_reset_during_every_second_transaction_stays_usable) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    for (int round = 0; round < 10; ++round) {
        fake::inject(reader_name, {Fault::Kind::reset, 0});
        CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);
        CHECK_RV(try_sign(session, key), CKR_OK);  // a warm reset keeps the login
        BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    }
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
}

// pcscd resets the card when our transaction has already begun, and forgets the protocol of the connection.
BOOST_AUTO_TEST_CASE(process_that_is_killed_in_its_transaction_costs_no_call_and_no_login) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    fake::other_is_killed_in_transaction(reader_name);
    CHECK_RV(try_sign(session, key), CKR_OK);
    CHECK_RV(try_sign(session, key), CKR_OK);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
}

BOOST_AUTO_TEST_CASE(reset_that_only_a_forgotten_protocol_shows_is_a_reset_and_repeats_no_command) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    fake::fail(fake::Function::transmit, SCARD_E_PROTO_MISMATCH);
    fake::reset_calls();
    CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::transmit), 1u);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::disconnect), 0u);
    CHECK_RV(try_sign(session, key), CKR_OK);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
}

BOOST_AUTO_TEST_CASE(card_reset_at_start_of_every_transaction_is_busy_and_not_removed) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    fake::fail(fake::Function::begin_transaction, SCARD_W_RESET_CARD, 3);
    CHECK_RV(try_sign(session, key), CKR_FUNCTION_FAILED);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
    CHECK_RV(try_sign(session, key), CKR_OK);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
}

BOOST_AUTO_TEST_CASE(foreign_cards_get_one_select_until_they_are_removed) {
    Knobs knobs;
    knobs.is_jpki = false;
    Fixture f(knobs);
    const auto poll = [&] {
        for (int i = 0; i < 20; ++i)
            for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
                CK_TOKEN_INFO token{};
                CHECK_RV(C_GetTokenInfo(slot, &token), CKR_TOKEN_NOT_RECOGNIZED);
                CK_SESSION_HANDLE session = 0;
                CHECK_RV(C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_RECOGNIZED);
                CK_ULONG count = 0;
                CHECK_RV(C_GetMechanismList(slot, nullptr, &count), CKR_TOKEN_NOT_RECOGNIZED);
                REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
                BOOST_CHECK_EQUAL(count, 0u);
                BOOST_REQUIRE_EQUAL(fake::open_now().handles, 0u);  // and no other program is blocked
            }
    };
    poll();
    BOOST_CHECK_EQUAL(commands(*f.card), 1u);
    BOOST_REQUIRE(fake::other_resets(reader_name));  // its own program works with it
    poll();
    BOOST_CHECK_EQUAL(commands(*f.card), 1u);
    fake::swap_card(reader_name, f.card);
    poll();
    BOOST_CHECK_EQUAL(commands(*f.card), 2u);
    const auto ours = card_of_person(1);
    fake::swap_card(reader_name, ours);
    serves(f, auth_slot, *ours);
}

BOOST_AUTO_TEST_CASE(card_reset_repeatedly_is_busy_and_gets_no_pin) {
    Fixture f;
    const auto session = f.open(auth_slot);
    fake::fail(fake::Function::begin_transaction, SCARD_W_RESET_CARD, 3);
    CHECK_RV(f.login(session, auth_pin), CKR_FUNCTION_FAILED);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
    // Two resets can come from any two programs.
    fake::fail(fake::Function::begin_transaction, SCARD_W_RESET_CARD, 2);
    REQUIRE_OK(f.login(session, auth_pin));
}

BOOST_AUTO_TEST_SUITE_END()
