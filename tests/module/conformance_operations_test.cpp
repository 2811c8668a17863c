// Operations: one of a kind in a session, and which calls end them (PKCS#11 2.40, 5.2, 5.7, 5.13, 5.15; 3.0,
// C_SessionCancel).
#include "fixture.hpp"

#include <functional>

using namespace jpki::test;

namespace {

struct Operations : Fixture {
    CK_SESSION_HANDLE session = open_logged_in(auth_slot);
    CK_OBJECT_HANDLE key = find_key(session);
    CK_OBJECT_HANDLE public_key = find_class(session, CKO_PUBLIC_KEY).at(0);
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    Bytes data = {'t', 'e', 'x', 't'};
    Bytes signature = Bytes(256);
    CK_ULONG length = 256;

    CK_RV sign_init() { return C_SignInit(session, &mechanism, key); }
    CK_RV verify_init() { return C_VerifyInit(session, &mechanism, public_key); }
    CK_RV sign() { return length = 256, C_Sign(session, data.data(), 4, signature.data(), &length); }
    CK_RV verify() { return C_Verify(session, data.data(), 4, signature.data(), 256); }
    bool searching() { return C_FindObjectsFinal(session) == CKR_OK; }
    void check_no_signature_is_under_way() {
        CHECK_RV(C_SignUpdate(session, data.data(), 1), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_RV(C_SignFinal(session, signature.data(), &length), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_RV(sign(), CKR_OPERATION_NOT_INITIALIZED);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(search_begins_once_and_ends_once, Operations) {
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG count = 0;
    CHECK_RV(C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_FindObjects(session, &object, 1, &count), CKR_OPERATION_NOT_INITIALIZED);
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    CHECK_RV(C_FindObjectsInit(session, nullptr, 0), CKR_OPERATION_ACTIVE);
    CHECK_RV(C_FindObjects(session, &object, 1, &count), CKR_OK);  // the first search continues
    BOOST_CHECK_EQUAL(count, 1u);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OK);
    CHECK_RV(C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
}

BOOST_FIXTURE_TEST_CASE(second_signature_or_verification_does_not_begin_while_one_is_active, Operations) {
    REQUIRE_OK(sign_init());
    CHECK_RV(sign_init(), CKR_OPERATION_ACTIVE);
    REQUIRE_OK(C_SignUpdate(session, data.data(), 2));
    CHECK_RV(sign_init(), CKR_OPERATION_ACTIVE);
    REQUIRE_OK(C_SignUpdate(session, data.data() + 2, 2));
    REQUIRE_OK(C_SignFinal(session, signature.data(), &length));  // the first continues unchanged
    BOOST_CHECK(openssl_verifies(card->pki().authentication_certificate, CKM_SHA256_RSA_PKCS, data, signature));
    REQUIRE_OK(verify_init());
    CHECK_RV(verify_init(), CKR_OPERATION_ACTIVE);
    CHECK_RV(verify(), CKR_OK);
}

BOOST_FIXTURE_TEST_CASE(search_signature_and_verification_can_be_active_together, Operations) {
    REQUIRE_OK(sign_init());
    REQUIRE_OK(sign());
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    REQUIRE_OK(sign_init());
    REQUIRE_OK(verify_init());
    CHECK_RV(verify(), CKR_OK);
    CHECK_RV(sign(), CKR_OK);
    BOOST_CHECK(searching());
}

BOOST_FIXTURE_TEST_CASE(failed_init_leaves_no_operation_active, Operations) {
    CK_MECHANISM unknown = {CKM_AES_CBC, nullptr, 0};
    CHECK_RV(C_SignInit(session, &unknown, key), CKR_MECHANISM_INVALID);
    check_no_signature_is_under_way();
    CK_MECHANISM with_parameter = {CKM_SHA256_RSA_PKCS, data.data(), 4};
    CHECK_RV(C_SignInit(session, &with_parameter, key), CKR_MECHANISM_PARAM_INVALID);
    for (const CK_OBJECT_HANDLE object : {CK_OBJECT_HANDLE{0}, CK_OBJECT_HANDLE{session}, key + 1000, ~CK_OBJECT_HANDLE{0}})
        CHECK_RV(C_SignInit(session, &mechanism, object), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_SignInit(session, &mechanism, public_key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_RV(C_VerifyInit(session, &mechanism, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    const auto certificate = find_class(session, CKO_CERTIFICATE).at(0);
    CHECK_RV(C_SignInit(session, &mechanism, certificate), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_VerifyInit(session, &mechanism, certificate), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_SignInit(session, nullptr, key), CKR_ARGUMENTS_BAD);
    check_no_signature_is_under_way();
    CHECK_RV(verify(), CKR_OPERATION_NOT_INITIALIZED);
    BOOST_CHECK_EQUAL(card->counts().signatures[0], 0u);
}

BOOST_FIXTURE_TEST_CASE(key_handle_of_other_slot_is_invalid, Operations) {
    const auto other = open_logged_in(sign_slot);
    CHECK_RV(C_SignInit(other, &mechanism, key), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_SignInit(session, &mechanism, find_key(other)), CKR_KEY_HANDLE_INVALID);
}

BOOST_FIXTURE_TEST_CASE(every_end_of_signature_deactivates_it, Operations) {
    const struct {
        const char* what;
        std::function<CK_RV()> act;
        CK_RV rv;
    } ends[] = {
        {"C_Sign", [&] { return sign(); }, CKR_OK},
        {"C_SignFinal", [&] { return C_SignFinal(session, signature.data(), &length); }, CKR_OK},
        {"C_Sign without data", [&] { return C_Sign(session, nullptr, 4, signature.data(), &length); }, CKR_ARGUMENTS_BAD},
        {"C_Sign without a length", [&] { return C_Sign(session, data.data(), 4, signature.data(), nullptr); },
         CKR_ARGUMENTS_BAD},
        {"C_SignUpdate without data", [&] { return C_SignUpdate(session, nullptr, 4); }, CKR_ARGUMENTS_BAD},
        {"C_SignFinal without a length", [&] { return C_SignFinal(session, signature.data(), nullptr); }, CKR_ARGUMENTS_BAD},
        {"C_Sign after C_SignUpdate",
         [&] {
             REQUIRE_OK(C_SignUpdate(session, data.data(), 4));
             return sign();
         },
         CKR_OPERATION_NOT_INITIALIZED},
        {"a mechanism of NULL", [&] { return C_SignInit(session, nullptr, key); }, CKR_OK},
        {"C_SessionCancel", [&] { return C_SessionCancel(session, CKF_SIGN); }, CKR_OK},
    };
    for (const auto& end : ends) BOOST_TEST_CONTEXT(end.what) {
            length = 256;
            REQUIRE_OK(sign_init());
            CHECK_RV(end.act(), end.rv);
            check_no_signature_is_under_way();
        }
}

BOOST_FIXTURE_TEST_CASE(every_end_of_verification_deactivates_it, Operations) {
    signature = signed_by(session, key, CKM_SHA256_RSA_PKCS, data);
    Bytes wrong = signature;
    wrong[100] ^= 1;
    const struct {
        const char* what;
        std::function<CK_RV()> act;
        CK_RV rv;
    } ends[] = {
        {"a right signature", [&] { return verify(); }, CKR_OK},
        {"a wrong signature", [&] { return C_Verify(session, data.data(), 4, wrong.data(), 256); }, CKR_SIGNATURE_INVALID},
        {"a short signature", [&] { return C_Verify(session, data.data(), 4, wrong.data(), 255); }, CKR_SIGNATURE_LEN_RANGE},
        {"no data", [&] { return C_Verify(session, nullptr, 4, signature.data(), 256); }, CKR_ARGUMENTS_BAD},
        {"no signature", [&] { return C_Verify(session, data.data(), 4, nullptr, 256); }, CKR_ARGUMENTS_BAD},
        {"no part", [&] { return C_VerifyUpdate(session, nullptr, 4); }, CKR_ARGUMENTS_BAD},
        {"no signature at the end", [&] { return C_VerifyFinal(session, nullptr, 256); }, CKR_ARGUMENTS_BAD},
        {"C_Verify after C_VerifyUpdate",
         [&] {
             REQUIRE_OK(C_VerifyUpdate(session, data.data(), 4));
             return verify();
         },
         CKR_OPERATION_NOT_INITIALIZED},
        {"a mechanism of NULL", [&] { return C_VerifyInit(session, nullptr, public_key); }, CKR_OK},
        {"C_SessionCancel", [&] { return C_SessionCancel(session, CKF_VERIFY); }, CKR_OK},
    };
    for (const auto& end : ends) BOOST_TEST_CONTEXT(end.what) {
            REQUIRE_OK(verify_init());
            CHECK_RV(end.act(), end.rv);
            CHECK_RV(C_VerifyUpdate(session, data.data(), 4), CKR_OPERATION_NOT_INITIALIZED);
            CHECK_RV(C_VerifyFinal(session, signature.data(), 256), CKR_OPERATION_NOT_INITIALIZED);
            CHECK_RV(verify(), CKR_OPERATION_NOT_INITIALIZED);
        }
}

BOOST_FIXTURE_TEST_CASE(cancelling_ends_only_named_operations, Operations) {
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    REQUIRE_OK(sign_init());
    CHECK_RV(C_SessionCancel(session, 0), CKR_OK);
    CHECK_RV(C_SessionCancel(session, CKF_VERIFY | CKF_ENCRYPT | CKF_DIGEST), CKR_OK);  // none of these is active
    CHECK_RV(C_SessionCancel(session, CKF_FIND_OBJECTS), CKR_OK);
    BOOST_CHECK(!searching());
    CHECK_RV(sign(), CKR_OK);
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    REQUIRE_OK(sign_init());
    REQUIRE_OK(verify_init());
    CHECK_RV(C_SessionCancel(session, CKF_DIGEST), CKR_OK);
    CHECK_RV(verify(), CKR_OK);
    REQUIRE_OK(verify_init());
    CHECK_RV(C_SessionCancel(session, CKF_FIND_OBJECTS | CKF_SIGN | CKF_VERIFY), CKR_OK);
    BOOST_CHECK(!searching());
    CHECK_RV(sign(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(verify(), CKR_OPERATION_NOT_INITIALIZED);
}

BOOST_FIXTURE_TEST_CASE(operation_belongs_to_its_session_and_ends_with_it, Operations) {
    const auto second = open(auth_slot);
    REQUIRE_OK(sign_init());
    CHECK_RV(C_Sign(second, data.data(), 4, signature.data(), &length), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_SignInit(second, &mechanism, key), CKR_OK);
    REQUIRE_OK(C_CloseSession(session));
    CHECK_RV(sign(), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_Sign(second, data.data(), 4, signature.data(), &length), CKR_OK);
}

BOOST_FIXTURE_TEST_CASE(signature_that_was_begun_before_logout_is_not_made_after_it, Operations) {
    REQUIRE_OK(sign_init());
    REQUIRE_OK(C_Logout(session));
    CHECK_RV(sign(), CKR_USER_NOT_LOGGED_IN);
    REQUIRE_OK(login(session, auth_pin));
    check_no_signature_is_under_way();
    CHECK_RV(sign_init(), CKR_KEY_HANDLE_INVALID);  // handles of private objects are not reused
    BOOST_CHECK_EQUAL(card->counts().signatures[0], 0u);
}

BOOST_FIXTURE_TEST_CASE(C_LoginUser_accepts_normal_user_without_name_only, Operations) {
    CK_UTF8CHAR name[] = {'m', 'e'};
    CK_UTF8CHAR pin[] = {'1', '2', '3', '4'};
    REQUIRE_OK(C_Logout(session));
    CHECK_RV(C_LoginUser(session, CKU_USER, pin, 4, nullptr, 2), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_LoginUser(session, CKU_USER, pin, 4, name, 2), CKR_USER_TYPE_INVALID);
    for (const CK_USER_TYPE type : {CK_USER_TYPE{CKU_SO}, CK_USER_TYPE{3}, ~CK_USER_TYPE{0}}) {
        CHECK_RV(C_LoginUser(session, type, pin, 4, nullptr, 0), CKR_USER_TYPE_INVALID);
        CHECK_RV(C_Login(session, type, pin, 4), CKR_USER_TYPE_INVALID);
    }
    CHECK_RV(C_LoginUser(session, CKU_CONTEXT_SPECIFIC, pin, 4, nullptr, 0), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(C_LoginUser(session, CKU_USER, pin, 4, name, 0), CKR_OK);
    CHECK_RV(C_LoginUser(session, CKU_USER, pin, 4, nullptr, 0), CKR_USER_ALREADY_LOGGED_IN);
    BOOST_CHECK_EQUAL(card->counts().verify[0], 2u);
}
