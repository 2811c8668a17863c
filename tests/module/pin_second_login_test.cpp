// C_Login for a user who is logged in already, or whose login ended without a logout: what the module answers, and what it sends.
#include "consent_fixture.hpp"
#include "module/runtime.hpp"

using namespace jpki::test;

BOOST_AUTO_TEST_SUITE(second_login)

// The login is not open at the card then, so that the card cannot show that the user is logged in.
BOOST_AUTO_TEST_CASE(second_login_with_consent_each_is_refused_and_sends_no_command) {
    Fixture f(consent_each);
    const auto session = f.open_logged_in(sign_slot), second = f.open(sign_slot);
    f.card->reset_counts();
    CHECK_RV(f.login(session, sign_pin), CKR_USER_ALREADY_LOGGED_IN);
    CHECK_RV(f.login(second, "WRONG1"), CKR_USER_ALREADY_LOGGED_IN);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::signature), 5);
}

BOOST_AUTO_TEST_CASE(second_login_while_another_program_has_card_is_refused_and_keeps_handles) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f("[reader]\nbusy_timeout_ms = 20\n");
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CHECK_RV(f.login(session, auth_pin), CKR_USER_ALREADY_LOGGED_IN);
    fake::other_ends_transaction(reader_name);
    CHECK_RV(try_sign(session, key), CKR_OK);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
}

// A call that has found its session before the removal asks the token.
BOOST_AUTO_TEST_CASE(no_user_is_logged_in_at_removed_card) {
    for (const char* settings : {"", consent_each.c_str()})
        for (const KeyUse use : both_keys) {
            Fixture f(settings);
            f.open_logged_in(slot_of(use));
            const auto insertion = jpki::Runtime::get()->slots.insertion(slot_of(use));
            auto& token = insertion->token(use == KeyUse::signature ? jpki::KeyUse::signature : jpki::KeyUse::authentication);
            BOOST_CHECK(token.logged_in());
            fake::remove_card(reader_name);
            insertion->card().check_connection();
            BOOST_CHECK(!token.logged_in());
        }
}

BOOST_AUTO_TEST_SUITE_END()
