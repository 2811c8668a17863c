// C_Login: one VERIFY at most; a PIN that must fail is not sent.
#include "pin_fixture.hpp"

using namespace jpki::test;

BOOST_AUTO_TEST_SUITE(login)

BOOST_AUTO_TEST_CASE(right_and_wrong_pins_take_one_verify_each) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use));
        CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_INCORRECT);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
        BOOST_CHECK_EQUAL(f.card->tries(use), f.card->knobs().max_tries[index(use)] - 1);
        BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_OK);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 2u);
        BOOST_CHECK_EQUAL(f.card->tries(use), f.card->knobs().max_tries[index(use)]);
        BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_USER_ALREADY_LOGGED_IN);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 2u);
    }
}

BOOST_AUTO_TEST_CASE(pin_that_cannot_be_right_is_rejected_without_command) {
    Fixture f;
    const auto auth = f.open(auth_slot), sign = f.open(sign_slot);
    f.card->reset_counts();
    for (const char* pin : {"", "1", "123", "12345", "1234567890123456", "abcd", "12 4", "12\n4", "\xEF\xBC\x91", "123\xFF"})
        CHECK_RV(f.login(auth, pin), CKR_PIN_INCORRECT);
    CHECK_RV(f.login(auth, std::string("123\0", 4)), CKR_PIN_INCORRECT);
    CHECK_RV(f.login(auth, std::string(100'000, '1')), CKR_PIN_INCORRECT);
    for (const char* pin : {"", "ABC12", "ABCDEFGHIJ1234567", "ABC 123", "ABC-123", "ABC_12", "ABC12\xC3\xA9", "@BC123", "ABC12[",
                            "ABC12`", "ABC12{", "ABC12/", "ABC12:"})
        CHECK_RV(f.login(sign, pin), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    CHECK_RV(C_Login(auth, CKU_USER, nullptr, 4), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_Login(auth, CKU_USER, nullptr, 0), CKR_ARGUMENTS_BAD);  // no PIN pad on this reader
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication) + verifies(*f.card, KeyUse::signature), 0u);
}

BOOST_AUTO_TEST_CASE(signature_password_is_converted_to_upper_case) {
    Fixture f;
    const auto session = f.open(sign_slot);
    CHECK_RV(f.login(session, "aBc123"), CKR_OK);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 1u);
}

BOOST_AUTO_TEST_CASE(password_of_letters_or_digits_only_is_sent_at_login) {
    Knobs knobs;
    knobs.pins[1] = "ABCDEF";
    Fixture f(knobs);
    CHECK_RV(f.login(f.open(sign_slot), "ABCDEF"), CKR_OK);
}

BOOST_AUTO_TEST_CASE(fault_at_any_command_of_login_causes_no_second_verify) {
    for (const auto kind : {Fault::Kind::card_gone, Fault::Kind::card_gone_after, Fault::Kind::reset, Fault::Kind::sw_6f00,
                            Fault::Kind::unknown_status, Fault::Kind::truncated, Fault::Kind::too_long, Fault::Kind::empty,
                            Fault::Kind::bits_flipped, Fault::Kind::other_application})
        for (std::size_t at = 0; at < 3; ++at)
            for (const bool short_forms : {true, false}) {
                Knobs knobs;
                knobs.short_forms = short_forms;
                Fixture f(knobs);
                const auto session = f.open(auth_slot);
                f.card->reset_counts();
                fake::inject(reader_name, {kind, at});
                const CK_RV rv = f.login(session, "0000");
                BOOST_CHECK(rv != CKR_OK);
                BOOST_CHECK_LE(verifies(*f.card, KeyUse::authentication), 1u);
                BOOST_CHECK_GE(f.card->tries(KeyUse::authentication), 2);
                f.card->inject({});
            }
}

BOOST_AUTO_TEST_CASE(login_with_corrupted_answer_leaves_no_login_at_card) {
    for (const KeyUse use : both_keys)
        for (const auto kind : {Fault::Kind::truncated, Fault::Kind::empty, Fault::Kind::bits_flipped, Fault::Kind::too_long}) {
            Fixture f;
            const auto session = f.open(slot_of(use));
            f.card->inject({kind, 1});
            CHECK_RV(f.login(session, f.card->pin(use)), CKR_DEVICE_ERROR);
            BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
            check_locked_for_others(use);
        }
}

BOOST_AUTO_TEST_CASE(pin_is_sent_only_to_card_of_session) {
    const auto other_card = std::make_shared<CardModel>(TestPki::shared(1), Knobs{});
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use));
        token_flags(slot_of(use));
        other_card->reset_counts();
        fake::swap_card(reader_name, other_card);
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_SESSION_HANDLE_INVALID);
        BOOST_CHECK_EQUAL(commands(*other_card), 0u);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 0u);
    }
}

BOOST_AUTO_TEST_CASE(swap_unnoticed_by_service_is_detected_by_login) {
    const auto other_card = std::make_shared<CardModel>(TestPki::shared(1), Knobs{});
    Fixture f("[reader]\nbusy_timeout_ms = 30\n");  // bounds the wait for news of a removal, too
    const auto session = f.open(auth_slot);
    token_flags(auth_slot);
    fake::swap_unnoticed(reader_name, other_card);
    CHECK_RV(f.login(session, auth_pin), CKR_DEVICE_ERROR);
    CHECK_RV(f.login(session, auth_pin), CKR_SESSION_HANDLE_INVALID);
    BOOST_CHECK_EQUAL(verifies(*other_card, KeyUse::authentication), 0u);
}

BOOST_AUTO_TEST_CASE(swap_during_login_sends_pin_to_neither_card) {
    const auto other_card = std::make_shared<CardModel>(TestPki::shared(1), Knobs{});
    for (std::size_t nth = 0; nth < 2; ++nth) {
        Fixture f;
        const auto session = f.open(auth_slot);
        token_flags(auth_slot);
        std::size_t seen = 0;
        fake::on_transmit([&](const std::string&, model::ByteView) {
            if (seen++ == nth) fake::swap_card(reader_name, other_card);
        });
        BOOST_CHECK(f.login(session, auth_pin) != CKR_OK);
        fake::on_transmit({});
        BOOST_CHECK_EQUAL(verifies(*other_card, KeyUse::authentication) + verifies(*f.card, KeyUse::authentication), 0u);
    }
}

BOOST_AUTO_TEST_CASE(same_wrong_pin_is_not_sent_twice) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open(slot_of(use), CKF_RW_SESSION);
        CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_INCORRECT);
        f.card->reset_counts();
        for (int i = 0; i < 5; ++i) CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_INCORRECT);
        CHECK_RV(set_pin(session, wrong_pin(use), use == KeyUse::authentication ? "9999" : "FRESH99"), CKR_PIN_INCORRECT);
        const auto second = f.open(slot_of(use));
        CHECK_RV(f.login(second, wrong_pin(use)), CKR_PIN_INCORRECT);
        BOOST_CHECK_EQUAL(commands(*f.card), 0u);
        BOOST_CHECK_EQUAL(f.card->tries(use), f.card->knobs().max_tries[index(use)] - 1);
    }
}

BOOST_AUTO_TEST_CASE(wrong_password_is_recognised_in_lower_case) {
    Fixture f;
    const auto session = f.open(sign_slot);
    CHECK_RV(f.login(session, "WRONG1"), CKR_PIN_INCORRECT);
    CHECK_RV(f.login(session, "wrong1"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::signature), 1u);
}

BOOST_AUTO_TEST_CASE(rejected_pins_are_all_remembered_and_forgotten_by_login) {
    Fixture f;
    const auto session = f.open(auth_slot);
    CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);
    CHECK_RV(f.login(session, "0001"), CKR_PIN_INCORRECT);
    CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 1);
    CHECK_RV(f.login(session, auth_pin), CKR_OK);
    REQUIRE_OK(C_Logout(session));
    CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 4u);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 2);
}

BOOST_AUTO_TEST_CASE(rejected_pins_are_forgotten_by_removal_and_finalize) {
    Fixture f;
    CHECK_RV(f.login(f.open(auth_slot), "0000"), CKR_PIN_INCORRECT);
    fake::remove_card(reader_name);
    fake::insert_card(reader_name, f.card);
    CHECK_RV(f.login(f.open(auth_slot), "0000"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 1);
    CHECK_RV(f.login(f.open(auth_slot), auth_pin), CKR_OK);
    REQUIRE_OK(C_Finalize(nullptr));
    REQUIRE_OK(C_Initialize(nullptr));
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    CHECK_RV(f.login(f.open(auth_slot), "0000"), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 2);
}

BOOST_AUTO_TEST_CASE(keep_last_try_never_spends_last_try) {
    for (const KeyUse use : both_keys) {
        Fixture f("[pin]\nkeep_last_try = true\n");
        f.card->set_tries(use, 1);
        const auto session = f.open(slot_of(use), CKF_RW_SESSION);
        CHECK_RV(f.login(session, wrong_pin(use)), CKR_PIN_LOCKED);
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_PIN_LOCKED);
        CHECK_RV(set_pin(session, f.card->pin(use), use == KeyUse::authentication ? "9999" : "FRESH99"), CKR_PIN_LOCKED);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 0u);
        BOOST_CHECK_EQUAL(f.card->tries(use), 1);
        f.card->set_tries(use, 2);
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_OK);
    }
}

BOOST_AUTO_TEST_CASE(last_try_can_be_spent_without_keep_last_try) {
    Fixture f;
    f.card->set_tries(KeyUse::authentication, 1);
    CHECK_RV(f.login(f.open(auth_slot), auth_pin), CKR_OK);
}

BOOST_AUTO_TEST_CASE(security_officer_and_unknown_user_types_are_refused) {
    Fixture f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    f.card->reset_counts();
    CHECK_RV(f.login(session, auth_pin, CKU_SO), CKR_USER_TYPE_INVALID);
    CHECK_RV(f.login(session, auth_pin, 77), CKR_USER_TYPE_INVALID);
    CHECK_RV(f.login(session, auth_pin, CKU_CONTEXT_SPECIFIC), CKR_OPERATION_NOT_INITIALIZED);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
}

BOOST_AUTO_TEST_SUITE_END()
