// Consent: one login for many signatures, or one PIN for each.
#include "consent_fixture.hpp"

using namespace jpki::test;

BOOST_AUTO_TEST_SUITE(consent)

BOOST_AUTO_TEST_CASE(consent_login_allows_many_signatures_after_one_pin) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    const auto key = find_key(session);
    BOOST_CHECK(attribute(session, key, CKA_ALWAYS_AUTHENTICATE) == Bytes{CK_FALSE});
    for (int i = 0; i < 5; ++i) signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 1u);
    REQUIRE_OK(sign_init(session, key));
    CHECK_RV(f.login(session, sign_pin, CKU_CONTEXT_SPECIFIC), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(finish_sign(session), CKR_OK);
}

BOOST_AUTO_TEST_CASE(consent_each_sets_always_authenticate_of_signature_key_only) {
    Fixture f(consent_each);
    const auto sign = f.open_logged_in(sign_slot), auth = f.open_logged_in(auth_slot);
    BOOST_CHECK(attribute(sign, find_key(sign), CKA_ALWAYS_AUTHENTICATE) == Bytes{CK_TRUE});
    BOOST_CHECK(attribute(auth, find_key(auth), CKA_ALWAYS_AUTHENTICATE) == Bytes{CK_FALSE});
    signed_by(auth, find_key(auth), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(login_with_consent_each_is_one_transaction_and_leaves_no_login_at_card) {
    Fixture f(consent_each);
    const auto session = f.open(sign_slot);
    std::size_t gaps = 0;
    fake::on_transmit([&](const std::string&, model::ByteView) {
        if (fake::other_begins_transaction(reader_name)) {
            ++gaps;
            fake::other_ends_transaction(reader_name);
        }
    });
    fake::reset_calls();
    REQUIRE_OK(f.login(session, sign_pin));
    fake::on_transmit({});
    BOOST_CHECK_EQUAL(gaps, 0u);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::begin_transaction), 1u);  // VERIFY, certificate, lock
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::end_transaction), 1u);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
    check_locked_for_others(KeyUse::signature);
    BOOST_CHECK_EQUAL(find_class(session, CKO_CERTIFICATE).size(), 2u);
}

BOOST_AUTO_TEST_CASE(login_that_cannot_read_certificate_leaves_no_login_at_card) {
    for (const auto kind : {Fault::Kind::sw_6f00, Fault::Kind::truncated, Fault::Kind::empty, Fault::Kind::bits_flipped})
        for (std::size_t at = 2; at < 6; ++at) {
            Fixture f(consent_each);
            const auto session = f.open(sign_slot);
            f.card->inject({kind, at});
            f.login(session, sign_pin);
            f.card->inject({});
            BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
            check_locked_for_others(KeyUse::signature);
        }
}

BOOST_AUTO_TEST_CASE(signature_without_context_login_is_refused) {
    Begun f;
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(f.signatures(), 0u);
    BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_USER_FUNCTIONS);
    CHECK_RV(finish_sign(f.session), CKR_OPERATION_NOT_INITIALIZED);
    REQUIRE_OK(sign_init(f.session, f.key));
}

BOOST_AUTO_TEST_CASE(context_login_allows_one_signature_in_one_transaction_and_then_resets_security_status) {
    Begun f;
    REQUIRE_OK(f.consent());
    BOOST_CHECK(!fake::other_begins_transaction(reader_name));
    BOOST_CHECK_THROW(fake::other_transmit(reader_name, Bytes{0x00, 0xA4, 0x04, 0x0C}), fake::OtherFailed);
    Bytes signature;
    REQUIRE_OK(finish_sign(f.session, &signature));
    BOOST_CHECK(openssl_verifies(f.card->pki().signature_certificate, CKM_SHA256_RSA_PKCS, text, signature));
    f.check_locked();
    BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_USER_FUNCTIONS);
    // The consent was used.
    REQUIRE_OK(sign_init(f.session, f.key));
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(f.signatures(), 1u);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 1u);
}

BOOST_AUTO_TEST_CASE(reads_between_context_login_and_signature_change_nothing) {
    Begun f;
    REQUIRE_OK(f.consent());
    for (int i = 0; i < 3; ++i) {
        BOOST_CHECK_EQUAL(pin_flags(sign_slot), 0u);
        BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_USER_FUNCTIONS);
        CK_SLOT_INFO slot{};
        REQUIRE_OK(C_GetSlotInfo(sign_slot, &slot));
        BOOST_CHECK_EQUAL(find_class(f.session, CKO_CERTIFICATE).size(), 2u);
        BOOST_CHECK(!fake::other_begins_transaction(reader_name));
    }
    CK_ULONG length = 0;
    Bytes data = text;
    REQUIRE_OK(C_Sign(f.session, data.data(), static_cast<CK_ULONG>(data.size()), nullptr, &length));
    unsigned char small[10];
    length = sizeof small;
    CHECK_RV(C_Sign(f.session, data.data(), static_cast<CK_ULONG>(data.size()), small, &length), CKR_BUFFER_TOO_SMALL);
    CHECK_RV(finish_sign(f.session), CKR_OK);
    f.check_locked();
}

BOOST_AUTO_TEST_CASE(wrong_context_pin_keeps_session_and_operation) {
    Begun f;
    CHECK_RV(f.consent("WRONG1"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::signature), 4);
    BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_USER_FUNCTIONS);
    f.check_locked();
    CHECK_RV(f.consent("WRONG1"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::signature), 4);  // the same one is not sent again
    REQUIRE_OK(f.consent());
    CHECK_RV(finish_sign(f.session), CKR_OK);
    f.check_locked();
}

BOOST_AUTO_TEST_CASE(empty_context_pin_sends_no_command_and_keeps_operation) {
    Begun f;
    CHECK_RV(f.consent(""), CKR_PIN_INCORRECT);
    CHECK_RV(f.consent("AB"), CKR_PIN_INCORRECT);
    CHECK_RV(C_Login(f.session, CKU_CONTEXT_SPECIFIC, nullptr, 0), CKR_ARGUMENTS_BAD);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    REQUIRE_OK(f.consent());
    CHECK_RV(finish_sign(f.session), CKR_OK);
}

BOOST_AUTO_TEST_CASE(context_login_allows_signature_in_parts) {
    Begun f;
    Bytes data = text;
    REQUIRE_OK(C_SignUpdate(f.session, data.data(), 2));
    REQUIRE_OK(f.consent());
    REQUIRE_OK(C_SignUpdate(f.session, data.data() + 2, 2));
    Bytes signature(256);
    CK_ULONG length = 256;
    REQUIRE_OK(C_SignFinal(f.session, signature.data(), &length));
    BOOST_CHECK(openssl_verifies(f.card->pki().signature_certificate, CKM_SHA256_RSA_PKCS, text, signature));
    f.check_locked();
}

BOOST_AUTO_TEST_CASE(every_end_of_consented_operation_resets_security_status) {
    const std::vector<std::pair<const char*, void (*)(Begun&)>> ends = {
        {"cancelled by C_SessionCancel", [](Begun& f) { REQUIRE_OK(C_SessionCancel(f.session, CKF_SIGN)); }},
        {"cancelled by C_SignInit", [](Begun& f) { REQUIRE_OK(C_SignInit(f.session, nullptr, 0)); }},
        {"session closed", [](Begun& f) { REQUIRE_OK(C_CloseSession(f.session)); }},
        {"all sessions closed", [](Begun&) { REQUIRE_OK(C_CloseAllSessions(sign_slot)); }},
        {"logged out", [](Begun& f) { REQUIRE_OK(C_Logout(f.session)); }},
        {"finalized", [](Begun&) { REQUIRE_OK(C_Finalize(nullptr)); }},
        {"bad arguments", [](Begun& f) { CHECK_RV(C_Sign(f.session, nullptr, 5, nullptr, nullptr), CKR_ARGUMENTS_BAD); }}};
    for (const auto& [name, end] : ends) {
        BOOST_TEST_CONTEXT(name) {
            Begun f;
            REQUIRE_OK(f.consent());
            end(f);
            f.check_locked();
            BOOST_CHECK_EQUAL(f.signatures(), 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(failed_signature_resets_security_status) {
    for (const auto kind : {Fault::Kind::sw_6f00, Fault::Kind::unknown_status, Fault::Kind::truncated, Fault::Kind::too_long,
                            Fault::Kind::empty, Fault::Kind::bits_flipped, Fault::Kind::reset, Fault::Kind::other_application})
        for (std::size_t at = 0; at < 2; ++at) {  // the signature, then the reset of the security status
            BOOST_TEST_CONTEXT("fault " << static_cast<int>(kind) << " at " << at) {
                Begun f;
                REQUIRE_OK(f.consent());
                fake::inject(reader_name, {kind, at});
                const CK_RV rv = finish_sign(f.session);
                if (at == 0) BOOST_CHECK(rv == CKR_DEVICE_ERROR || rv == CKR_USER_NOT_LOGGED_IN);
                else CHECK_RV(rv, CKR_OK);
                f.check_locked();
                BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 1u);
            }
        }
}

BOOST_AUTO_TEST_CASE(another_session_cannot_use_consent_and_its_attempt_keeps_it) {
    Begun f;
    const auto second = f.open(sign_slot);
    REQUIRE_OK(sign_init(second, f.key));
    REQUIRE_OK(f.consent());
    CHECK_RV(finish_sign(second), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(finish_sign(f.session), CKR_OK);
    BOOST_CHECK_EQUAL(f.signatures(), 1u);
    f.check_locked();
}

BOOST_AUTO_TEST_CASE(logout_before_signature_ends_consent_also_while_other_key_is_logged_in) {
    Begun f;
    const auto auth = f.open(auth_slot);
    REQUIRE_OK(f.consent());
    REQUIRE_OK(f.login(auth, auth_pin));
    REQUIRE_OK(C_Logout(f.session));
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    check_locked_for_others(KeyUse::signature);
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    // The operation leaves nothing behind that disturbs a later login.
    if (f.state(auth) == CKS_RO_PUBLIC_SESSION) REQUIRE_OK(f.login(auth, auth_pin));
    signed_by(auth, find_key(auth), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(consent_ended_by_logout_is_not_restored_by_consent_of_another_session) {
    Begun f;
    REQUIRE_OK(f.consent());
    REQUIRE_OK(C_Logout(f.session));
    const auto second = f.open_logged_in(sign_slot);
    REQUIRE_OK(sign_init(second, find_key(second)));
    REQUIRE_OK(f.login(second, sign_pin, CKU_CONTEXT_SPECIFIC));
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(f.signatures(), 0u);
    CHECK_RV(finish_sign(second), CKR_OK);  // and that did not end it either
    f.check_locked();
}

BOOST_AUTO_TEST_CASE(context_login_without_login_or_operation_sends_no_command) {
    Fixture f(consent_each);
    const auto session = f.open(sign_slot);
    f.card->reset_counts();
    CHECK_RV(f.login(session, sign_pin, CKU_CONTEXT_SPECIFIC), CKR_OPERATION_NOT_INITIALIZED);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
}

BOOST_AUTO_TEST_CASE(consent_end_that_did_not_reach_card_is_repeated_before_next_command) {
    Fixture f(consent_each);
    const auto session = f.open_logged_in(sign_slot);
    REQUIRE_OK(sign_init(session, find_key(session)));
    REQUIRE_OK(f.login(session, sign_pin, CKU_CONTEXT_SPECIFIC));
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);  // the SELECT that ends it
    CHECK_RV(C_SessionCancel(session, CKF_SIGN), CKR_OK);
    BOOST_CHECK(!f.card->verified(KeyUse::signature));
    BOOST_CHECK(fake::open_now().transactions == 0u);
    check_locked_for_others(KeyUse::signature);
    const auto fresh = f.open_logged_in(sign_slot);
    BOOST_CHECK_EQUAL(f.state(fresh), CKS_RO_USER_FUNCTIONS);
}

BOOST_AUTO_TEST_SUITE_END()
