// What ends a consent to one signature before the signature: rejected PINs, other sessions, time.
#include "consent_fixture.hpp"
#include "test_clock.hpp"

#include <functional>

using namespace jpki::test;

namespace {

// One consent given, a second session on the same token, and one on the other token.
struct Consented : Begun {
    explicit Consented(const std::string& more_settings = "", bool with_pad = false)
        : Begun(more_settings), second(open(sign_slot, CKF_RW_SESSION)), elsewhere(open(auth_slot)) {
        if (with_pad) fake::give_pad(reader_name, {true, true, true, {}});  // one with letters
        REQUIRE_OK(consent());
        card->reset_counts();
        BOOST_REQUIRE_EQUAL(fake::open_now().transactions, 1u);
    }
    bool held() { return fake::open_now().transactions == 1; }
    // The consent has ended, the session is still a user session, and nothing was signed.
    void check_ended() {
        check_locked();
        CHECK_RV(finish_sign(session), CKR_USER_NOT_LOGGED_IN);
        BOOST_CHECK_EQUAL(state(session), CKS_RW_USER_FUNCTIONS);
        BOOST_CHECK_EQUAL(signatures(), 0u);
    }
    void check_lasts() {
        BOOST_CHECK(held());
        CHECK_RV(finish_sign(session), CKR_OK);
        check_locked();
    }
    const CK_SESSION_HANDLE second, elsewhere;
};

void check_logged_out(Begun& f, CK_SESSION_HANDLE second) {
    BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(f.state(second), CKS_RO_PUBLIC_SESSION);
    CK_ATTRIBUTE wanted = {CKA_CLASS, nullptr, 0};
    CHECK_RV(C_GetAttributeValue(f.session, f.key, &wanted, 1), CKR_OBJECT_HANDLE_INVALID);
    CHECK_RV(sign_init(second, f.key), CKR_KEY_HANDLE_INVALID);
    BOOST_CHECK_EQUAL(find_class(second, CKO_CERTIFICATE).size(), 1u);  // the CA's
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Logout(f.session), CKR_USER_NOT_LOGGED_IN);
    f.check_locked();
    BOOST_CHECK_EQUAL(f.signatures(), 0u);
}

struct Call {
    const char* name;
    std::function<void(Consented&)> call;
};

CK_RV slot_info(CK_SLOT_ID slot) {
    CK_SLOT_INFO info{};
    return C_GetSlotInfo(slot, &info);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(consent_ends)

BOOST_AUTO_TEST_CASE(context_login_with_CKR_PIN_LOCKED_logs_user_out) {
    {
        Begun f;
        const auto second = f.open(sign_slot);
        f.card->set_tries(KeyUse::signature, 1);
        CHECK_RV(f.consent("WRONG1"), CKR_PIN_LOCKED);
        check_logged_out(f, second);
    }
    {
        Begun f;  // blocked by another program
        const auto second = f.open(sign_slot);
        f.card->set_tries(KeyUse::signature, 0);
        CHECK_RV(f.consent(), CKR_PIN_LOCKED);
        check_logged_out(f, second);
    }
    {
        Begun f;  // the module already knew that it is blocked
        const auto second = f.open(sign_slot);
        f.card->set_tries(KeyUse::signature, 0);
        BOOST_REQUIRE_EQUAL(pin_flags(sign_slot), CKF_USER_PIN_LOCKED);
        CHECK_RV(f.consent(), CKR_PIN_LOCKED);
        BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 0u);
        check_logged_out(f, second);
    }
    {
        Begun f("[pin]\nkeep_last_try = true\n");
        const auto second = f.open(sign_slot);
        f.card->set_tries(KeyUse::signature, 1);
        CHECK_RV(f.consent(), CKR_PIN_LOCKED);
        BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 0u);
        check_logged_out(f, second);
    }
}

BOOST_AUTO_TEST_CASE(context_login_with_CKR_PIN_LOCKED_ends_earlier_consent) {
    Begun f;
    const auto second = f.open(sign_slot);
    REQUIRE_OK(f.consent());
    f.card->set_tries(KeyUse::signature, 1);
    CHECK_RV(f.consent("WRONG1"), CKR_PIN_LOCKED);
    check_logged_out(f, second);
}

BOOST_AUTO_TEST_CASE(context_login_with_CKR_PIN_LOCKED_keeps_login_of_other_key) {
    Begun f;
    const auto auth = f.open_logged_in(auth_slot);
    f.card->set_tries(KeyUse::signature, 1);
    CHECK_RV(f.consent("WRONG1"), CKR_PIN_LOCKED);
    BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_PUBLIC_SESSION);
    signed_by(auth, find_key(auth), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(failed_context_login_ends_earlier_consent_and_blocks_no_other_session) {
    const std::vector<std::pair<const char*, std::function<CK_RV(Consented&)>>> failures = {
        {"wrong", [](Consented& f) { return f.consent("WRONG1"); }},
        {"empty", [](Consented& f) { return f.consent(""); }},
        {"no PIN, and no pad", [](Consented& f) { return C_Login(f.session, CKU_CONTEXT_SPECIFIC, nullptr, 0); }},
        {"a fault of the card", [](Consented& f) {
             fake::inject(reader_name, {Fault::Kind::unknown_status, 0});
             return f.consent();
         }}};
    for (const auto& [name, fail] : failures)
        for (const bool other_key : {false, true}) {
            BOOST_TEST_CONTEXT(name << (other_key ? ", other key logged in" : "")) {
                Consented f;
                if (other_key) {
                    REQUIRE_OK(f.login(f.elsewhere, auth_pin));
                    REQUIRE_OK(f.consent());
                    f.card->reset_counts();
                }
                BOOST_CHECK(fail(f) != CKR_OK);
                f.check_locked();
                BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_USER_FUNCTIONS);
                REQUIRE_OK(sign_init(f.second, f.key));
                REQUIRE_OK(f.login(f.second, sign_pin, CKU_CONTEXT_SPECIFIC));
                CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
                CHECK_RV(finish_sign(f.second), CKR_OK);
                BOOST_CHECK_EQUAL(f.signatures(), 1u);
                f.check_locked();
            }
        }
}

BOOST_AUTO_TEST_CASE(pin_change_ends_consent_with_any_result_and_blocks_no_other_session) {
    for (const bool own_session : {true, false})
        for (const bool right : {true, false}) {
            Consented f;
            const auto session = own_session ? f.session : f.second;
            CHECK_RV(set_pin(session, right ? sign_pin : "WRONG1", "FRESH99"), right ? CKR_OK : CKR_PIN_INCORRECT);
            f.check_locked();
            REQUIRE_OK(sign_init(f.second, f.key));
            REQUIRE_OK(f.login(f.second, f.card->pin(KeyUse::signature), CKU_CONTEXT_SPECIFIC));
            CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
            CHECK_RV(finish_sign(f.second), CKR_OK);
        }
}

BOOST_AUTO_TEST_CASE(failed_context_login_and_pin_change_at_pin_pad_end_consent) {
    const std::string pad_settings = "[pin]\npinpad_letters = true\n";
    const std::vector<Call> calls = {{"wrong context PIN",
                                      [](Consented& f) {
                                          fake::user_will(reader_name, fake::PinEntry::typed("WRONG1"));
                                          CHECK_RV(C_Login(f.session, CKU_CONTEXT_SPECIFIC, nullptr, 0), CKR_PIN_INCORRECT);
                                      }},
                                     {"context login given up",
                                      [](Consented& f) {
                                          fake::user_will(reader_name, fake::PinEntry::cancelled());
                                          CHECK_RV(C_Login(f.session, CKU_CONTEXT_SPECIFIC, nullptr, 0), CKR_FUNCTION_CANCELED);
                                      }},
                                     {"change",
                                      [](Consented& f) {
                                          fake::user_will(reader_name, fake::PinEntry::typed(sign_pin));
                                          fake::user_will(reader_name, fake::PinEntry::changed(sign_pin, "FRESH99"));
                                          CHECK_RV(C_SetPIN(f.session, nullptr, 0, nullptr, 0), CKR_OK);
                                      }},
                                     {"change given up", [](Consented& f) {
                                          fake::user_will(reader_name, fake::PinEntry::cancelled());
                                          CHECK_RV(C_SetPIN(f.session, nullptr, 0, nullptr, 0), CKR_FUNCTION_CANCELED);
                                      }}};
    for (const auto& [name, call] : calls) {
        BOOST_TEST_CONTEXT(name) {
            Consented f(pad_settings, true);
            call(f);
            f.check_ended();
        }
    }
}

BOOST_AUTO_TEST_CASE(pin_change_that_blocks_pin_logs_out) {
    Begun f;
    const auto second = f.open(sign_slot);
    f.card->set_tries(KeyUse::signature, 1);
    CHECK_RV(set_pin(f.session, "WRONG1", "FRESH99"), CKR_PIN_LOCKED);
    check_logged_out(f, second);
}

BOOST_AUTO_TEST_CASE(call_of_another_session_or_slot_that_needs_card_ends_consent) {
    const std::vector<Call> calls = {
        {"context login of another session",
         [](Consented& f) {
             REQUIRE_OK(sign_init(f.second, f.key));
             REQUIRE_OK(f.login(f.second, sign_pin, CKU_CONTEXT_SPECIFIC));
             REQUIRE_OK(C_SignInit(f.second, nullptr, 0));
         }},
        {"wrong context PIN of another session",
         [](Consented& f) {
             REQUIRE_OK(sign_init(f.second, f.key));
             CHECK_RV(f.login(f.second, "WRONG1", CKU_CONTEXT_SPECIFIC), CKR_PIN_INCORRECT);
         }},
        {"wrong PIN for the other slot", [](Consented& f) { CHECK_RV(f.login(f.elsewhere, "0000"), CKR_PIN_INCORRECT); }},
        {"search in the other slot",
         [](Consented& f) { BOOST_CHECK_EQUAL(find_class(f.elsewhere, CKO_CERTIFICATE).size(), 2u); }},
        {"C_GetTokenInfo of the other slot", [](Consented&) { BOOST_CHECK_EQUAL(pin_flags(auth_slot), 0u); }}};
    for (const auto& [name, call] : calls) {
        BOOST_TEST_CONTEXT(name) {
            Consented f;
            call(f);
            f.check_ended();
        }
    }
}

BOOST_AUTO_TEST_CASE(login_of_other_key_that_ended_consent_survives_end_of_operation) {
    Consented f;
    REQUIRE_OK(f.login(f.elsewhere, auth_pin));
    BOOST_CHECK(!f.held());
    BOOST_CHECK(!f.card->verified(KeyUse::signature));
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    signed_by(f.elsewhere, find_key(f.elsewhere), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(calls_of_same_session_and_calls_without_command_keep_consent) {
    const std::vector<Call> calls = {
        {"search that reads the card",
         [](Consented& f) { BOOST_CHECK_EQUAL(find_class(f.session, CKO_CERTIFICATE).size(), 2u); }},
        {"C_GetAttributeValue", [](Consented& f) { attribute(f.session, f.key, CKA_MODULUS); }},
        {"C_GetTokenInfo of its slot", [](Consented&) { BOOST_CHECK_EQUAL(pin_flags(sign_slot), 0u); }},
        {"C_GetMechanismList of its slot",
         [](Consented&) {
             CK_ULONG count = 0;
             REQUIRE_OK(C_GetMechanismList(sign_slot, nullptr, &count));
         }},
        {"C_GetSessionInfo of its own", [](Consented& f) { BOOST_CHECK_EQUAL(f.state(f.session), CKS_RW_USER_FUNCTIONS); }},
        {"C_GetSessionInfo of others",
         [](Consented& f) {
             BOOST_CHECK_EQUAL(f.state(f.second), CKS_RW_USER_FUNCTIONS);
             BOOST_CHECK_EQUAL(f.state(f.elsewhere), CKS_RO_PUBLIC_SESSION);
         }},
        {"C_GetSlotInfo", [](Consented&) { REQUIRE_OK(slot_info(auth_slot)); }},
        {"C_OpenSession, C_CloseSession",
         [](Consented& f) {
             REQUIRE_OK(C_CloseSession(f.open(auth_slot)));
             REQUIRE_OK(C_CloseSession(f.elsewhere));
         }},
        {"password that cannot be right, of another session", [](Consented& f) {
             REQUIRE_OK(sign_init(f.second, f.key));
             CHECK_RV(f.login(f.second, "AB", CKU_CONTEXT_SPECIFIC), CKR_PIN_INCORRECT);
         }}};
    for (const auto& [name, call] : calls) {
        BOOST_TEST_CONTEXT(name) {
            Consented f;
            call(f);
            f.check_lasts();
        }
    }
}

BOOST_AUTO_TEST_CASE(cached_data_of_other_slot_is_returned_and_keeps_consent) {
    Begun f;
    BOOST_CHECK_EQUAL(pin_flags(auth_slot), 0u);
    REQUIRE_OK(f.consent());
    f.card->reset_counts();
    BOOST_CHECK_EQUAL(pin_flags(auth_slot), 0u);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 1u);
    CHECK_RV(finish_sign(f.session), CKR_OK);
}

BOOST_AUTO_TEST_CASE(lost_connection_ends_transaction_of_consent) {
    for (const auto kind : {Fault::Kind::card_gone, Fault::Kind::reset}) {
        Begun f;
        REQUIRE_OK(f.consent());
        BOOST_REQUIRE_EQUAL(fake::open_now().transactions, 1u);
        fake::inject(reader_name, {kind, 0});
        BOOST_CHECK(finish_sign(f.session) != CKR_OK);
        BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    }
    Begun f;
    REQUIRE_OK(f.consent());
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
    CHECK_RV(finish_sign(f.session), CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    BOOST_CHECK(!f.card->verified(KeyUse::signature));
}

BOOST_AUTO_TEST_CASE(consent_ends_at_a_card_that_pcscd_lost_for_one_call) {
    Begun f;
    REQUIRE_OK(f.consent());
    BOOST_REQUIRE(f.card->verified(KeyUse::signature));
    fake::fail(fake::Function::get_attrib, SCARD_E_READER_UNAVAILABLE);
    CK_SLOT_ID slot = 0;
    C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr);
    f.check_locked();
}

BOOST_AUTO_TEST_CASE(expired_consent_ends_at_next_call_of_any_kind) {
    const std::vector<Call> calls = {{"C_GetInfo",
                                      [](Consented&) {
                                          CK_INFO info{};
                                          REQUIRE_OK(C_GetInfo(&info));
                                      }},
                                     {"C_GetSlotInfo", [](Consented&) { REQUIRE_OK(slot_info(auth_slot)); }},
                                     {"C_GetSessionInfo of another slot", [](Consented& f) { f.state(f.elsewhere); }},
                                     {"C_GetSessionInfo of its own", [](Consented& f) { f.state(f.session); }},
                                     {"C_WaitForSlotEvent", [](Consented&) {
                                          CK_SLOT_ID slot = 0;
                                          CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_NO_EVENT);
                                      }}};
    for (const auto& [name, call] : calls) {
        BOOST_TEST_CONTEXT(name) {
            Consented f;
            test_clock::ahead += 30000;
            call(f);
            BOOST_CHECK(f.held());
            test_clock::ahead += 30001;
            BOOST_CHECK(f.held());  // nothing happens without a call
            call(f);
            f.check_ended();
        }
    }
    Consented f;
    test_clock::ahead += 60001;
    CHECK_RV(finish_sign(f.session), CKR_USER_NOT_LOGGED_IN);
    f.check_locked();
    BOOST_CHECK_EQUAL(f.signatures(), 0u);
}

BOOST_AUTO_TEST_CASE(new_consent_in_same_session_has_its_own_time_limit) {
    Consented f;
    test_clock::ahead += 40000;
    REQUIRE_OK(f.consent());
    test_clock::ahead += 40000;
    f.check_lasts();
}

BOOST_AUTO_TEST_SUITE_END()
