// A logout reaches the card: the card itself does not accept the login any more.
#include "pin_fixture.hpp"

#include <functional>

using namespace jpki::test;

namespace {

using Way = std::function<void(CK_SESSION_HANDLE, CK_SLOT_ID)>;
const std::vector<std::pair<const char*, Way>>& ways() {
    static const std::vector<std::pair<const char*, Way>> all = {
        {"C_Logout", [](CK_SESSION_HANDLE session, CK_SLOT_ID) { REQUIRE_OK(C_Logout(session)); }},
        {"C_CloseAllSessions", [](CK_SESSION_HANDLE, CK_SLOT_ID slot) { REQUIRE_OK(C_CloseAllSessions(slot)); }},
        {"last C_CloseSession", [](CK_SESSION_HANDLE session, CK_SLOT_ID) { REQUIRE_OK(C_CloseSession(session)); }},
        {"C_Finalize", [](CK_SESSION_HANDLE, CK_SLOT_ID) { REQUIRE_OK(C_Finalize(nullptr)); }}};
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(logout)

BOOST_AUTO_TEST_CASE(another_process_cannot_sign_after_any_kind_of_logout) {
    for (const KeyUse use : both_keys)
        for (const auto& [name, way] : ways())
            for (const bool signs : {false, true}) {
                BOOST_TEST_CONTEXT(name) {
                    Fixture f;
                    const auto session = f.open_logged_in(slot_of(use));
                    if (signs) signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
                    BOOST_CHECK_EQUAL(other_signs(use), 0x9000);  // what a logout must end
                    way(session, slot_of(use));
                    check_locked_for_others(use);
                }
            }
}

BOOST_AUTO_TEST_CASE(card_that_rejects_issuer_security_domain_is_powered_off) {
    for (const auto kind : {Fault::Kind::sw_6f00, Fault::Kind::unknown_status, Fault::Kind::truncated, Fault::Kind::empty,
                            Fault::Kind::too_long, Fault::Kind::bits_flipped, Fault::Kind::reset})
        for (const auto& [name, way] : ways()) {
            BOOST_TEST_CONTEXT(name << ", fault " << static_cast<int>(kind)) {
                Fixture f;
                const auto session = f.open_logged_in(auth_slot);
                fake::inject(reader_name, {kind, 0});
                way(session, auth_slot);
                check_locked_for_others(KeyUse::authentication);
                BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
            }
        }
}

BOOST_AUTO_TEST_CASE(lost_connection_ends_login_at_card) {
    Fixture f("[reader]\nbusy_timeout_ms = 30\n");  // bounds the wait for news of a removal, too
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
    CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(closing_one_of_two_sessions_keeps_login) {
    Fixture f;
    const auto first = f.open_logged_in(auth_slot);
    const auto second = f.open(auth_slot, CKF_RW_SESSION);
    BOOST_CHECK_EQUAL(f.state(second), CKS_RW_USER_FUNCTIONS);
    REQUIRE_OK(C_CloseSession(first));
    signed_by(second, find_key(second), CKM_SHA256_RSA_PKCS, text);
    REQUIRE_OK(C_CloseSession(second));
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(logout_of_one_key_keeps_login_of_other) {
    for (const KeyUse leaving : both_keys) {
        const KeyUse staying = leaving == KeyUse::authentication ? KeyUse::signature : KeyUse::authentication;
        Fixture f;
        const auto left = f.open_logged_in(slot_of(leaving)), stayed = f.open_logged_in(slot_of(staying));
        const auto left_key = find_key(left), stayed_key = find_key(stayed);
        REQUIRE_OK(sign_init(left, left_key));
        REQUIRE_OK(C_Logout(left));
        CHECK_RV(finish_sign(left), CKR_USER_NOT_LOGGED_IN);
        CHECK_RV(sign_init(left, left_key), CKR_KEY_HANDLE_INVALID);
        BOOST_CHECK_EQUAL(find_class(left, CKO_PRIVATE_KEY).size(), 0u);
        BOOST_CHECK_EQUAL(f.state(left), CKS_RO_PUBLIC_SESSION);
        BOOST_CHECK_EQUAL(f.state(stayed), CKS_RO_USER_FUNCTIONS);
        signed_by(stayed, stayed_key, CKM_SHA256_RSA_PKCS, text);
        REQUIRE_OK(C_Logout(stayed));
        check_locked_for_others(leaving);
        check_locked_for_others(staying);
    }
}

BOOST_AUTO_TEST_CASE(security_status_is_reset_if_login_of_other_key_is_lost_after_logout) {
    // Logged out in this process only, since the other key was logged in; then the other login ends by a wrong PIN.
    Fixture f;
    const auto auth = f.open_logged_in(auth_slot), sign = f.open_logged_in(sign_slot, CKF_RW_SESSION);
    REQUIRE_OK(C_Logout(auth));
    CHECK_RV(set_pin(sign, "WRONG1", "FRESH99"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.state(sign), CKS_RW_PUBLIC_SESSION);
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(security_status_is_reset_if_signature_shows_lost_login_after_logout_of_other_key) {
    Fixture f;
    const auto auth = f.open_logged_in(auth_slot), sign = f.open_logged_in(sign_slot);
    const auto key = find_key(sign);
    REQUIRE_OK(C_Logout(auth));
    BOOST_REQUIRE_EQUAL(other_signs(KeyUse::authentication), 0x9000);  // what must end
    BOOST_REQUIRE_EQUAL(other_verifies(KeyUse::signature, "WRONG1"), 0x63C4);
    CHECK_RV(try_sign(sign, key), CKR_USER_NOT_LOGGED_IN);
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(authentication_logout_with_consent_each_resets_security_status_during_signature_session) {
    Fixture f(consent_each);
    const auto sign = f.open_logged_in(sign_slot), auth = f.open_logged_in(auth_slot);
    REQUIRE_OK(C_Logout(auth));
    BOOST_CHECK_EQUAL(f.state(sign), CKS_RO_USER_FUNCTIONS);
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(private_objects_are_not_found_after_logout_and_their_handles_are_invalid) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    const auto objects = find(session);
    BOOST_CHECK_EQUAL(objects.size(), 4u);
    std::vector<CK_OBJECT_HANDLE> private_ones, public_ones;
    for (const auto object : objects)
        (attribute(session, object, CKA_PRIVATE) == Bytes{CK_TRUE} ? private_ones : public_ones).push_back(object);
    BOOST_CHECK_EQUAL(private_ones.size(), 3u);
    const auto all_dead = [&] {
        for (const auto object : private_ones) {
            CK_ATTRIBUTE wanted = {CKA_CLASS, nullptr, 0};
            CHECK_RV(C_GetAttributeValue(session, object, &wanted, 1), CKR_OBJECT_HANDLE_INVALID);
            CHECK_RV(sign_init(session, object), CKR_KEY_HANDLE_INVALID);
        }
    };
    REQUIRE_OK(C_Logout(session));
    all_dead();
    BOOST_CHECK(find(session) == public_ones);
    REQUIRE_OK(f.login(session, sign_pin));
    all_dead();  // also after another login: a new login has new handles
    BOOST_CHECK_EQUAL(find(session).size(), 4u);
}

BOOST_AUTO_TEST_CASE(running_search_finds_no_private_object_after_logout) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    REQUIRE_OK(C_Logout(session));
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 0;
    REQUIRE_OK(C_FindObjects(session, found, 8, &count));
    BOOST_CHECK_EQUAL(count, 1u);
    BOOST_CHECK(attribute(session, found[0], CKA_PRIVATE) == Bytes{CK_FALSE});
}

BOOST_AUTO_TEST_CASE(logout_delayed_by_another_program_is_completed_later) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f("[reader]\nbusy_timeout_ms = 20\n");
    const auto session = f.open_logged_in(auth_slot);
    BOOST_REQUIRE_EQUAL(other_signs(KeyUse::authentication), 0x9000);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    CHECK_RV(C_Logout(session), CKR_FUNCTION_FAILED);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
    fake::other_ends_transaction(reader_name);
    pin_flags(auth_slot);  // any call that sends a command
    check_locked_for_others(KeyUse::authentication);
    // And without further calls, at C_Finalize.
    REQUIRE_OK(f.login(session, auth_pin));
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    REQUIRE_OK(C_CloseSession(session));
    fake::other_ends_transaction(reader_name);
    REQUIRE_OK(C_Finalize(nullptr));
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(logout_without_login_is_error_and_sends_no_command) {
    Fixture f;
    const auto session = f.open(auth_slot);
    f.card->reset_counts();
    CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    REQUIRE_OK(C_CloseSession(session));
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
}

BOOST_AUTO_TEST_CASE(signature_begun_before_logout_is_refused_without_command) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open_logged_in(slot_of(use));
        REQUIRE_OK(sign_init(session, find_key(session)));
        REQUIRE_OK(C_Logout(session));
        f.card->reset_counts();
        CHECK_RV(finish_sign(session), CKR_USER_NOT_LOGGED_IN);
        BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    }
}

BOOST_AUTO_TEST_SUITE_END()
