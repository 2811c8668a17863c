// C_SetPIN, and the functions of a security officer.
#include "module/runtime.hpp"
#include "pin_fixture.hpp"

#include <cstdlib>
#include <fstream>
#include <unistd.h>

using namespace jpki::test;

namespace {

const std::string& fresh_pin(KeyUse use) {
    static const std::string pins[] = {"9876", "FRESH99"};
    return pins[index(use)];
}
std::size_t changes(const CardModel& card, KeyUse use) { return card.counts().changes[index(use)]; }

}  // namespace

BOOST_AUTO_TEST_SUITE(change)

BOOST_AUTO_TEST_CASE(pin_change_takes_one_verify_and_leaves_no_login) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use), CKF_RW_SESSION);
        const std::string old = f.card->pin(use);
        REQUIRE_OK(set_pin(session, old, fresh_pin(use)));
        BOOST_CHECK_EQUAL(f.card->pin(use), fresh_pin(use));
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
        BOOST_CHECK_EQUAL(changes(*f.card, use), 1u);
        BOOST_CHECK_EQUAL(f.state(session), CKS_RW_PUBLIC_SESSION);
        check_locked_for_others(use);
        CHECK_RV(f.login(session, old), CKR_PIN_INCORRECT);
        CHECK_RV(f.login(session, fresh_pin(use)), CKR_OK);
    }
}

BOOST_AUTO_TEST_CASE(pin_change_keeps_both_logins) {
    for (const KeyUse use : both_keys) {
        const KeyUse other = use == KeyUse::authentication ? KeyUse::signature : KeyUse::authentication;
        Fixture f;
        const auto session = f.open_logged_in(slot_of(use), CKF_RW_SESSION), others = f.open_logged_in(slot_of(other));
        REQUIRE_OK(set_pin(session, f.card->pin(use), fresh_pin(use)));
        BOOST_CHECK_EQUAL(f.state(session), CKS_RW_USER_FUNCTIONS);
        signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
        signed_by(others, find_key(others), CKM_SHA256_RSA_PKCS, text);
        REQUIRE_OK(C_Logout(session));
        REQUIRE_OK(C_Logout(others));
        check_locked_for_others(use);
        check_locked_for_others(other);
    }
}

BOOST_AUTO_TEST_CASE(pin_change_during_login_of_other_key_changes_no_login) {
    for (const KeyUse use : both_keys) {
        const KeyUse other = use == KeyUse::authentication ? KeyUse::signature : KeyUse::authentication;
        Fixture f;
        const auto session = f.open(slot_of(use), CKF_RW_SESSION), others = f.open_logged_in(slot_of(other));
        REQUIRE_OK(set_pin(session, f.card->pin(use), fresh_pin(use)));
        BOOST_CHECK_EQUAL(f.state(session), CKS_RW_PUBLIC_SESSION);
        BOOST_CHECK_EQUAL(find_class(session, CKO_PRIVATE_KEY).size(), 0u);
        signed_by(others, find_key(others), CKM_SHA256_RSA_PKCS, text);
        REQUIRE_OK(C_CloseSession(others));
        check_locked_for_others(use);
        check_locked_for_others(other);
    }
}

BOOST_AUTO_TEST_CASE(read_only_session_cannot_change_pin) {
    Fixture f;
    CHECK_RV(set_pin(f.open(auth_slot), auth_pin, "9876"), CKR_SESSION_READ_ONLY);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
}

BOOST_AUTO_TEST_CASE(new_pin_against_rules_is_rejected_without_command) {
    Fixture f;
    const auto auth = f.open(auth_slot, CKF_RW_SESSION), sign = f.open(sign_slot, CKF_RW_SESSION);
    f.card->reset_counts();
    for (const char* pin : {"", "123", "12345"}) CHECK_RV(set_pin(auth, auth_pin, pin), CKR_PIN_LEN_RANGE);
    for (const char* pin : {"12a4", "abcd", "12 4"}) CHECK_RV(set_pin(auth, auth_pin, pin), CKR_PIN_INVALID);
    for (const char* pin : {"", "ABC12", "ABCDEFGHIJ1234567"}) CHECK_RV(set_pin(sign, sign_pin, pin), CKR_PIN_LEN_RANGE);
    for (const char* pin : {"ABC-123", "ABCDEF", "123456", "abcdef", "ABC 12"})
        CHECK_RV(set_pin(sign, sign_pin, pin), CKR_PIN_INVALID);
    // And an old PIN that cannot be right.
    CHECK_RV(set_pin(auth, "123", "9876"), CKR_PIN_INCORRECT);
    CHECK_RV(set_pin(sign, "", "FRESH99"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    CHECK_RV(C_SetPIN(auth, nullptr, 0, nullptr, 0), CKR_ARGUMENTS_BAD);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
}

BOOST_AUTO_TEST_CASE(new_password_is_converted_to_upper_case) {
    Fixture f;
    REQUIRE_OK(set_pin(f.open(sign_slot, CKF_RW_SESSION), "abc123", "fresh99"));
    BOOST_CHECK_EQUAL(f.card->pin(KeyUse::signature), "FRESH99");
}

BOOST_AUTO_TEST_CASE(wrong_old_pin_costs_one_try_and_is_not_sent_again) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use), CKF_RW_SESSION);
        CHECK_RV(set_pin(session, wrong_pin(use), fresh_pin(use)), CKR_PIN_INCORRECT);
        CHECK_RV(set_pin(session, wrong_pin(use), fresh_pin(use)), CKR_PIN_INCORRECT);
        CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_INCORRECT);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
        BOOST_CHECK_EQUAL(changes(*f.card, use), 0u);
        BOOST_CHECK_EQUAL(f.card->tries(use), f.card->knobs().max_tries[index(use)] - 1);
    }
}

BOOST_AUTO_TEST_CASE(wrong_old_pin_while_logged_in_ends_login) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot, CKF_RW_SESSION);
    CHECK_RV(set_pin(session, "0000", "9876"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RW_PUBLIC_SESSION);
    BOOST_CHECK(!f.card->verified(KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(wrong_old_pin_that_ends_login_leaves_no_signature_certificate_in_memory) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot, CKF_RW_SESSION);
    BOOST_CHECK_EQUAL(find_class(session, CKO_CERTIFICATE).size(), 2u);
    auto& token = jpki::Runtime::get()->slots.insertion(sign_slot)->token(jpki::KeyUse::signature);
    BOOST_CHECK(token.certificate() != nullptr);
    CHECK_RV(set_pin(session, "WRONG1", "FRESH99"), CKR_PIN_INCORRECT);
    BOOST_CHECK(token.certificate() == nullptr);
}

BOOST_AUTO_TEST_CASE(power_off_between_verify_and_change_leaves_old_pin_valid_and_is_logged) {
    for (const KeyUse use : both_keys) {
        char log[] = "/tmp/jpki-log-XXXXXX";
        ::close(::mkstemp(log));
        {
            Fixture f("[log]\nfile = \"" + std::string(log) + "\"\nlevel = \"error\"\n");
            const auto session = f.open(slot_of(use), CKF_RW_SESSION);
            const std::string old = f.card->pin(use);
            fake::inject(reader_name, {Fault::Kind::card_gone, 2});  // SELECT, VERIFY, then CHANGE REFERENCE DATA
            CHECK_RV(set_pin(session, old, fresh_pin(use)), CKR_DEVICE_REMOVED);
            BOOST_CHECK(!f.card->fault_pending());
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
            BOOST_CHECK_EQUAL(f.card->pin(use), old);
            fake::insert_card(reader_name, f.card);
            CHECK_RV(f.login(f.open(slot_of(use)), old), CKR_OK);
        }
        std::ifstream in(log);
        const std::string said((std::istreambuf_iterator<char>(in)), {});
        BOOST_CHECK_MESSAGE(said.find("not known which PIN is valid, try the new one first") != std::string::npos, said);
        ::unlink(log);
    }
}

BOOST_AUTO_TEST_CASE(fault_at_change_is_error_and_leaves_no_login) {
    for (const KeyUse use : both_keys)
        for (const auto kind : {Fault::Kind::sw_6f00, Fault::Kind::unknown_status, Fault::Kind::truncated, Fault::Kind::empty,
                                Fault::Kind::reset, Fault::Kind::bits_flipped, Fault::Kind::other_application})
            for (std::size_t at = 1; at < 3; ++at) {
                Fixture f;
                const auto session = f.open(slot_of(use), CKF_RW_SESSION);
                fake::inject(reader_name, {kind, at});
                BOOST_CHECK(set_pin(session, f.card->pin(use), fresh_pin(use)) != CKR_OK);
                f.card->inject({});
                BOOST_CHECK_LE(verifies(*f.card, use), 1u);
                BOOST_CHECK_EQUAL(f.state(session), CKS_RW_PUBLIC_SESSION);
                check_locked_for_others(use);
            }
}

BOOST_AUTO_TEST_CASE(fault_at_change_leaves_login_as_it_was) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot, CKF_RW_SESSION);
    f.card->inject({Fault::Kind::sw_6f00, 2});
    CHECK_RV(set_pin(session, auth_pin, "9876"), CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), auth_pin);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RW_USER_FUNCTIONS);
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(pin_change_with_consent_each_changes_no_login) {
    Fixture f(consent_each);
    const auto session = f.open_logged_in(sign_slot, CKF_RW_SESSION);
    REQUIRE_OK(set_pin(session, sign_pin, "FRESH99"));
    BOOST_CHECK_EQUAL(f.state(session), CKS_RW_USER_FUNCTIONS);
    check_locked_for_others(KeyUse::signature);
}

BOOST_AUTO_TEST_CASE(security_officer_functions_are_refused) {
    Fixture f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    f.card->reset_counts();
    std::string pin = "1234";
    CK_UTF8CHAR label[32] = {};
    CHECK_RV(C_InitToken(auth_slot, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), 4, label), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_RV(C_InitPIN(session, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), 4), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(f.login(session, pin, CKU_SO), CKR_USER_TYPE_INVALID);
    REQUIRE_OK(f.login(session, auth_pin));
    CHECK_RV(C_InitPIN(session, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), 4), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(f.card->counts().issuer_commands, 0u);
}

BOOST_AUTO_TEST_CASE(lost_change_is_not_repeated) {
    Fixture f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    fake::on_transmit([](const std::string&, jpki::model::ByteView command) {
        if (command[1] == 0x20)
            fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);  // the next one, which is the change
    });
    CHECK_RV(set_pin(session, auth_pin, "4711"), CKR_DEVICE_ERROR);
    fake::on_transmit({});
    BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), auth_pin);
    BOOST_CHECK_EQUAL(f.card->counts().changes[0], 0u);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 3);
    const auto again = f.open(auth_slot, CKF_RW_SESSION);
    CHECK_RV(set_pin(again, auth_pin, "4711"), CKR_OK);
    BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), "4711");
}

BOOST_AUTO_TEST_CASE(rejected_change_fails_and_old_pin_stays_valid) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use), CKF_RW_SESSION);
        fake::on_answer([](const std::string&, model::ByteView command) -> std::optional<Bytes> {
            if (command[1] != 0x24) return std::nullopt;
            return Bytes{0x69, 0x82};
        });
        CHECK_RV(set_pin(session, f.card->pin(use), use == KeyUse::authentication ? "4711" : "NEW4711"), CKR_FUNCTION_FAILED);
        fake::on_answer({});
        check_locked_for_others(use);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_OK);
    }
}

BOOST_AUTO_TEST_SUITE_END()
