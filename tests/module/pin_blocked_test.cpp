// Blocked PINs, and the flags that report them.
#include "pin_fixture.hpp"

using namespace jpki::test;

namespace {

using Form = Knobs::TriesForm;
constexpr Form forms[] = {Form::x63c0, Form::x6983, Form::x6984};

Knobs blocked(KeyUse use, Form query = Form::x63c0, Form verify = Form::x6984) {
    Knobs knobs;
    knobs.tries[index(use)] = 0;
    knobs.blocked_query = query;
    knobs.blocked_verify = verify;
    return knobs;
}

// Every retry counter query is answered with this status word.
void answer_tries_queries(std::uint16_t status) {
    fake::on_answer([status](const std::string&, model::ByteView command) -> std::optional<Bytes> {
        if (command[1] != 0x20 || command.size() > 5) return std::nullopt;
        return Bytes{static_cast<std::uint8_t>(status >> 8), static_cast<std::uint8_t>(status & 0xFF)};
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(blocked_pins)

BOOST_AUTO_TEST_CASE(blocked_pin_is_not_sent_for_each_status_word_of_blocked) {
    for (const KeyUse use : both_keys)
        for (const Form query : forms) {
            Fixture f(blocked(use, query));
            BOOST_CHECK_EQUAL(pin_flags(slot_of(use)), CKF_USER_PIN_LOCKED);
            const auto session = f.open(slot_of(use), CKF_RW_SESSION);
            CHECK_RV(f.login(session, f.card->pin(use)), CKR_PIN_LOCKED);
            CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_LOCKED);
            CHECK_RV(set_pin(session, f.card->pin(use), use == KeyUse::authentication ? "9999" : "FRESH99"), CKR_PIN_LOCKED);
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 0u);
        }
}

BOOST_AUTO_TEST_CASE(verify_of_blocked_pin_is_reported_and_not_repeated) {
    for (const KeyUse use : both_keys)
        for (const Form query : forms)
            for (const Form verify : forms) {
                Fixture f(blocked(use, query, verify));
                const auto session = f.open(slot_of(use));  // the retry counter was not queried before
                for (int i = 0; i < 3; ++i) CHECK_RV(f.login(session, f.card->pin(use)), CKR_PIN_LOCKED);
                BOOST_CHECK_LE(verifies(*f.card, use), 1u);
                BOOST_CHECK_EQUAL(pin_flags(slot_of(use)), CKF_USER_PIN_LOCKED);
            }
}

BOOST_AUTO_TEST_CASE(keep_last_try_does_not_send_blocked_pin) {
    for (const KeyUse use : both_keys)
        for (const Form query : forms) {
            const Knobs knobs = blocked(use, query);
            Fixture f("[pin]\nkeep_last_try = true\n", knobs);
            const auto session = f.open(slot_of(use), CKF_RW_SESSION);
            CHECK_RV(f.login(session, f.card->pin(use)), CKR_PIN_LOCKED);
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 0u);
        }
}

BOOST_AUTO_TEST_CASE(wrong_pin_that_blocks_returns_locked_and_so_do_later_logins) {
    for (const KeyUse use : both_keys)
        for (const Form form : forms) {
            Knobs knobs = blocked(use, form, form);
            knobs.tries[index(use)] = 1;
            Fixture f(knobs);
            const auto session = f.open(slot_of(use));
            CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_LOCKED);
            CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_LOCKED);
            CHECK_RV(f.login(session, f.card->pin(use)), CKR_PIN_LOCKED);
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
            BOOST_CHECK_EQUAL(f.card->tries(use), 0);
        }
}

BOOST_AUTO_TEST_CASE(pin_unblocked_without_removal_is_sent_again) {
    Fixture f(blocked(KeyUse::authentication));
    const auto session = f.open(auth_slot);
    CHECK_RV(f.login(session, auth_pin), CKR_PIN_LOCKED);
    f.card->set_tries(KeyUse::authentication, 3);
    let_a_second_pass();
    CHECK_RV(f.login(session, auth_pin), CKR_OK);
}

// A blocked card does not compare the PIN, so that it is not among the rejected ones, which only a counter that rises clears.
BOOST_AUTO_TEST_CASE(pin_that_blocked_card_did_not_compare_is_sent_again_although_counter_cannot_be_read) {
    for (const KeyUse use : both_keys) {
        Fixture f(blocked(use));
        const auto session = f.open(slot_of(use));
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_PIN_LOCKED);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
        f.card->set_tries(use, 3);
        answer_tries_queries(0x9000);
        let_a_second_pass();
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_OK);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 2u);
    }
}

BOOST_AUTO_TEST_CASE(retry_counter_query_with_9000_is_neither_counter_nor_fault) {
    // ISO/IEC 7816-4, 11.5.6: 9000 where no verification is needed. No JPKI card that was measured says so.
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open_logged_in(slot_of(use));
        answer_tries_queries(0x9000);
        let_a_second_pass();
        BOOST_CHECK_EQUAL(pin_flags(slot_of(use)), 0u);
        BOOST_CHECK(token_flags(slot_of(use)) & CKF_USER_PIN_INITIALIZED);
        BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
        signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
        // It does not log in, either.
        REQUIRE_OK(C_Logout(session));
        pin_flags(slot_of(use));
        BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
        REQUIRE_OK(f.login(session, f.card->pin(use)));
    }
}

BOOST_AUTO_TEST_CASE(retry_counter_query_with_any_blocked_status_locks_one_slot_and_hides_none) {
    for (const std::uint16_t status : {std::uint16_t{0x6984}, std::uint16_t{0x6983}, std::uint16_t{0x63C0}})
        for (const KeyUse use : both_keys) {
            Fixture f;
            answer_tries_queries(status);
            CK_ULONG count = 0;
            REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
            BOOST_CHECK_EQUAL(count, 2u);
            BOOST_CHECK_EQUAL(pin_flags(slot_of(use)), CKF_USER_PIN_LOCKED);
            REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
            BOOST_CHECK_EQUAL(count, 2u);
            CHECK_RV(f.login(f.open(slot_of(use)), f.card->pin(use)), CKR_PIN_LOCKED);
            BOOST_CHECK_EQUAL(verifies(*f.card, use), 0u);
        }
}

BOOST_AUTO_TEST_CASE(unknown_status_word_is_not_retry_counter) {
    Fixture f;
    pin_flags(auth_slot);
    f.card->inject({Fault::Kind::unknown_status, 1});  // 69C2, to the VERIFY
    const auto session = f.open(auth_slot);
    CHECK_RV(f.login(session, auth_pin), CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(pin_flags(auth_slot), 0u);
    let_a_second_pass();
    f.card->inject({Fault::Kind::unknown_status, 1});  // to the query
    CK_TOKEN_INFO info{};
    CHECK_RV(C_GetTokenInfo(auth_slot, &info), CKR_DEVICE_ERROR);
}

BOOST_AUTO_TEST_CASE(flags_show_own_tries_at_once) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use));
        BOOST_CHECK_EQUAL(pin_flags(slot_of(use)), 0u);
        const int most = f.card->knobs().max_tries[index(use)];
        for (int left = most - 1; left >= 0; --left) {
            const std::string pin = (use == KeyUse::authentication ? "000" : "WRONG") + std::to_string(left);
            CHECK_RV(f.login(session, pin), left == 0 ? CKR_PIN_LOCKED : CKR_PIN_INCORRECT);
            CK_FLAGS expected = CKF_USER_PIN_COUNT_LOW;
            if (left == 1) expected |= CKF_USER_PIN_FINAL_TRY;
            if (left == 0) expected = CKF_USER_PIN_LOCKED;
            BOOST_CHECK_EQUAL(pin_flags(slot_of(use)), expected);
            BOOST_CHECK_EQUAL(f.card->tries(use), left);
        }
    }
}

BOOST_AUTO_TEST_CASE(right_pin_clears_flags_at_once) {
    Fixture f;
    f.card->set_tries(KeyUse::authentication, 1);
    BOOST_CHECK_EQUAL(pin_flags(auth_slot), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    f.open_logged_in(auth_slot);
    BOOST_CHECK_EQUAL(pin_flags(auth_slot), 0u);
}

BOOST_AUTO_TEST_CASE(flags_show_tries_of_another_program_after_one_second_also_while_logged_in) {
    for (const bool logged_in : {false, true}) {
        Fixture f;
        const auto session = f.open(auth_slot);
        if (logged_in) REQUIRE_OK(f.login(session, auth_pin));
        BOOST_CHECK_EQUAL(pin_flags(auth_slot) | pin_flags(sign_slot), 0u);
        BOOST_CHECK_EQUAL(other_verifies(KeyUse::authentication, "0000"), 0x63C2);
        BOOST_CHECK_EQUAL(other_verifies(KeyUse::authentication, "0001"), 0x63C1);
        BOOST_CHECK_EQUAL(other_verifies(KeyUse::signature, "BURNED1"), 0x63C4);
        let_a_second_pass();
        BOOST_CHECK_EQUAL(pin_flags(auth_slot), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
        BOOST_CHECK_EQUAL(pin_flags(sign_slot), CKF_USER_PIN_COUNT_LOW);
        BOOST_CHECK_EQUAL(other_verifies(KeyUse::authentication, "0002"), 0x63C0);
        let_a_second_pass();
        BOOST_CHECK_EQUAL(pin_flags(auth_slot), CKF_USER_PIN_LOCKED);
        if (!logged_in) CHECK_RV(f.login(session, auth_pin), CKR_PIN_LOCKED);
        BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 0);
    }
}

BOOST_AUTO_TEST_CASE(card_with_blocked_pin_offers_its_certificates_and_its_other_key) {
    for (const Form form : forms) {
        Fixture f(blocked(KeyUse::authentication, form, form));
        const auto auth = f.open(auth_slot);
        BOOST_CHECK_EQUAL(find_class(auth, CKO_CERTIFICATE).size(), 2u);
        BOOST_CHECK_EQUAL(find_class(auth, CKO_PUBLIC_KEY).size(), 1u);
        CHECK_RV(f.login(auth, auth_pin), CKR_PIN_LOCKED);
        BOOST_CHECK_EQUAL(find_class(auth, CKO_CERTIFICATE).size(), 2u);
        const auto sign = f.open_logged_in(sign_slot);
        signed_by(sign, find_key(sign), CKM_SHA256_RSA_PKCS, text);
    }
    Fixture f(blocked(KeyUse::signature));
    const auto sign = f.open(sign_slot);
    CHECK_RV(f.login(sign, sign_pin), CKR_PIN_LOCKED);
    BOOST_CHECK_EQUAL(find_class(sign, CKO_CERTIFICATE).size(), 1u);  // the CA's; the holder's wants the password
    const auto auth = f.open_logged_in(auth_slot);
    signed_by(auth, find_key(auth), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_SUITE_END()
