// Calls that end a login take effect with any answer of the card; only C_Logout reports a security status that could not be
// reset.
#include "consent_fixture.hpp"
#include "log_file.hpp"

#include <functional>

using namespace jpki::test;

namespace {

const std::string impatient = "[reader]\nbusy_timeout_ms = 20\n";

struct Way {
    const char* name;
    std::function<CK_RV(CK_SESSION_HANDLE)> call;
    CK_RV answer;
};
const std::vector<Way>& ways() {
    static const std::vector<Way> all = {
        {"C_CloseSession", [](CK_SESSION_HANDLE session) { return C_CloseSession(session); }, CKR_OK},
        {"C_CloseAllSessions", [](CK_SESSION_HANDLE) { return C_CloseAllSessions(auth_slot); }, CKR_OK},
        {"C_Finalize", [](CK_SESSION_HANDLE) { return C_Finalize(nullptr); }, CKR_OK},
        {"C_Logout", [](CK_SESSION_HANDLE session) { return C_Logout(session); }, CKR_FUNCTION_FAILED}};
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(logout_of_a_busy_card, *boost::unit_test::fixture<test_clock::SleepsTakeNoTime>())

BOOST_AUTO_TEST_CASE(every_end_of_login_at_busy_card_takes_effect_and_failed_reset_is_logged) {
    for (const auto& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            const LogFile log;
            Fixture f(impatient + log.settings());
            const auto session = f.open_logged_in(auth_slot);
            BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
            CHECK_RV(way.call(session), way.answer);
            BOOST_CHECK(any_line_has(log, "another program keeps the card busy with transactions"));
            fake::other_ends_transaction(reader_name);
            CK_SESSION_INFO info{};
            const CK_RV rv = C_GetSessionInfo(session, &info);
            if (way.answer == CKR_OK) BOOST_CHECK(rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
            else BOOST_CHECK_EQUAL(info.state, CKS_RO_PUBLIC_SESSION);
            // The next command of this process comes after the reset; C_Finalize, whose process sends none, tried.
            if (rv == CKR_CRYPTOKI_NOT_INITIALIZED) continue;
            BOOST_CHECK_EQUAL(other_signs(KeyUse::authentication), 0x9000);  // still pending
            pin_flags(auth_slot);
            check_locked_for_others(KeyUse::authentication);
        }
    }
}

BOOST_AUTO_TEST_CASE(second_logout_returns_CKR_USER_NOT_LOGGED_IN_and_retries_reset) {
    Fixture f(impatient);
    const auto session = f.open_logged_in(auth_slot);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CHECK_RV(C_Logout(session), CKR_FUNCTION_FAILED);
    CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    fake::other_ends_transaction(reader_name);
    BOOST_REQUIRE_EQUAL(other_signs(KeyUse::authentication), 0x9000);
    CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    check_locked_for_others(KeyUse::authentication);
    f.card->reset_counts();
    CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
}

BOOST_AUTO_TEST_CASE(all_sessions_of_slot_are_closed_although_card_is_busy) {
    Fixture f(impatient);
    std::vector<CK_SESSION_HANDLE> sessions = {f.open_logged_in(auth_slot)};
    for (int i = 0; i < 3; ++i) sessions.push_back(f.open(auth_slot));
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CHECK_RV(C_CloseAllSessions(auth_slot), CKR_OK);
    fake::other_ends_transaction(reader_name);
    CK_SESSION_INFO info{};
    for (const auto session : sessions) CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    f.open(auth_slot);
    pin_flags(auth_slot);
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(connection_lost_at_end_of_login_is_error_of_logout_only) {
    for (const auto& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Fixture f(impatient);
            const auto session = f.open_logged_in(auth_slot);
            fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
            CHECK_RV(way.call(session), way.answer == CKR_OK ? CKR_OK : CKR_DEVICE_ERROR);
            check_locked_for_others(KeyUse::authentication);  // it was powered off
        }
    }
}

BOOST_AUTO_TEST_CASE(removal_at_end_of_login_is_not_error_of_close) {
    for (const auto& way : ways()) {
        if (way.answer != CKR_OK) continue;
        BOOST_TEST_CONTEXT(way.name) {
            Fixture f(impatient);
            const auto session = f.open_logged_in(auth_slot);
            fake::inject(reader_name, {Fault::Kind::card_gone, 0});
            CHECK_RV(way.call(session), CKR_OK);
        }
    }
}

BOOST_AUTO_TEST_CASE(end_of_consent_that_cannot_reset_security_status_is_not_error_of_call) {
    const std::vector<std::pair<const char*, std::function<CK_RV(Begun&)>>> ends = {
        {"C_Sign",
         [](Begun& f) {
             fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED, 1, 1);
             return finish_sign(f.session);
         }},
        {"C_SignFinal",
         [](Begun& f) {
             Bytes data = text, signature(256);
             CK_ULONG length = 256;
             REQUIRE_OK(C_SignUpdate(f.session, data.data(), static_cast<CK_ULONG>(data.size())));
             fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED, 1, 1);
             return C_SignFinal(f.session, signature.data(), &length);
         }},
        {"C_SignInit without a mechanism",
         [](Begun& f) {
             fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
             return C_SignInit(f.session, nullptr, 0);
         }},
        {"C_SessionCancel",
         [](Begun& f) {
             fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
             return C_SessionCancel(f.session, CKF_SIGN);
         }},
        {"C_CloseSession",
         [](Begun& f) {
             fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
             return C_CloseSession(f.session);
         }},
        {"C_CloseAllSessions",
         [](Begun&) {
             fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
             return C_CloseAllSessions(sign_slot);
         }},
        {"C_Finalize", [](Begun&) {
             fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
             return C_Finalize(nullptr);
         }}};
    for (const auto& [name, end] : ends) {
        BOOST_TEST_CONTEXT(name) {
            const LogFile log;
            Begun f(impatient + log.settings());
            REQUIRE_OK(f.consent());
            CHECK_RV(end(f), CKR_OK);
            BOOST_CHECK(any_line_has(log, "SCardTransmit"));
            f.check_locked();
        }
    }
}

BOOST_AUTO_TEST_CASE(answer_of_card_is_returned_although_connection_fails_after_it) {
    {
        Fixture f(impatient);
        const auto session = f.open(auth_slot, CKF_RW_SESSION);
        fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED, 1, 3);  // SELECT, VERIFY, CHANGE; then the reset
        CHECK_RV(set_pin(session, auth_pin, "4711"), CKR_OK);
        BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), "4711");
        check_locked_for_others(KeyUse::authentication);
    }
    {
        // The old PIN was wrong; the login that this ended was the last one.
        Fixture f(impatient);
        const auto session = f.open_logged_in(auth_slot, CKF_RW_SESSION);
        fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED, 1, 2);
        CHECK_RV(set_pin(session, "0000", "4711"), CKR_PIN_INCORRECT);
        check_locked_for_others(KeyUse::authentication);
    }
}

BOOST_AUTO_TEST_SUITE_END()
