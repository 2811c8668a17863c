// Whose a consent is: one session's, of a user who is logged in.
#include "consent_fixture.hpp"
#include "log_file.hpp"
#include "test_clock.hpp"

using namespace jpki::test;

BOOST_AUTO_TEST_SUITE(consent_of_a_session)

BOOST_AUTO_TEST_CASE(context_login_after_logout_is_refused_and_sends_no_pin) {
    Begun f;
    REQUIRE_OK(C_Logout(f.session));
    f.card->reset_counts();
    CHECK_RV(f.consent("WRONG1"), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(f.consent(), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 0u);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::signature), 5);
    f.check_locked();
}

BOOST_AUTO_TEST_CASE(another_session_of_same_slot_that_reads_card_ends_consent) {
    Begun f;
    const auto second = f.open(sign_slot);
    REQUIRE_OK(f.consent());
    BOOST_CHECK_EQUAL(find_class(second, CKO_CERTIFICATE).size(), 2u);  // reads the CA certificate
    f.check_locked();
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(f.signatures(), 0u);
}

BOOST_AUTO_TEST_CASE(log_has_reason_for_end_of_unused_consent) {
    const LogFile log;
    Begun f(log.settings());
    REQUIRE_OK(f.consent());
    pin_flags(auth_slot);
    BOOST_CHECK(any_line_has(log, "consent to a signature ended: another call used the card before the signature"));
    BOOST_CHECK(!any_line_has(log, "no signature within"));
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    REQUIRE_OK(sign_init(f.session, f.key));
    REQUIRE_OK(f.consent());
    test_clock::ahead += 60001;
    f.state(f.session);
    BOOST_CHECK(any_line_has(log, "consent to a signature ended: no signature within 60 seconds"));
}

BOOST_AUTO_TEST_CASE(removal_of_card_ends_consent_without_error_in_log) {
    const LogFile log;
    {
        Begun f(log.settings());
        REQUIRE_OK(f.consent());
        fake::remove_card(reader_name);
        CHECK_RV(finish_sign(f.session), CKR_SESSION_HANDLE_INVALID);
        BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    }
    for (const std::string& line : log.lines())
        BOOST_CHECK_MESSAGE(line.find("cannot reset the security status") == std::string::npos, line);
}

BOOST_AUTO_TEST_SUITE_END()
