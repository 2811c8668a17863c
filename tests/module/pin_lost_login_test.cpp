// A login that the card does not accept any more: reported, visible in the session states, and never repeated.
#include "pin_fixture.hpp"
#include "removal_fixture.hpp"

using namespace jpki::test;

namespace {

// A login, and one signature made.
struct LoggedIn : Fixture {
    explicit LoggedIn(KeyUse use_, Knobs knobs = {})
        : Fixture(std::move(knobs)), use(use_), session(open_logged_in(slot_of(use))), key(find_key(session)) {
        signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
    }

    // The login is lost at the card, and the next signature detects it.
    void check_lost() {
        const auto second = open(slot_of(use), CKF_RW_SESSION);
        card->reset_counts();
        CHECK_RV(try_sign(session, key), CKR_USER_NOT_LOGGED_IN);
        BOOST_CHECK_EQUAL(state(session), CKS_RO_PUBLIC_SESSION);
        BOOST_CHECK_EQUAL(state(second), CKS_RW_PUBLIC_SESSION);
        BOOST_CHECK_EQUAL(find_class(session, CKO_PRIVATE_KEY).size(), 0u);
        CHECK_RV(sign_init(session, key), CKR_KEY_HANDLE_INVALID);
        CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
        BOOST_CHECK_EQUAL(verifies(*card, use), 0u);  // no PIN was sent again
        REQUIRE_OK(login(session, card->pin(use)));
        signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
    }
    void check_kept() {
        signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
        BOOST_CHECK_EQUAL(verifies(*card, use), 1u);
    }

    const KeyUse use;
    const CK_SESSION_HANDLE session;
    const CK_OBJECT_HANDLE key;
};

Knobs with(bool Knobs::*knob) {
    Knobs knobs;
    knobs.*knob = true;
    return knobs;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_login)

BOOST_AUTO_TEST_CASE(login_ends_at_select_of_another_application) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use);
        other_selects_another_application();
        f.check_lost();
    }
}

BOOST_AUTO_TEST_CASE(login_ends_at_select_of_another_application_and_ours_again) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use);
        other_selects_another_application();
        other_selects_jpki();
        f.check_lost();
    }
}

BOOST_AUTO_TEST_CASE(reset_ends_login_on_card_with_login_ended_by_reset) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use, with(&Knobs::reset_clears_pin));
        BOOST_REQUIRE(fake::other_resets(reader_name));
        f.check_lost();
    }
}

BOOST_AUTO_TEST_CASE(reset_keeps_login_on_card_with_login_kept_by_reset) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use);
        BOOST_REQUIRE(fake::other_resets(reader_name));
        f.check_kept();
    }
}

BOOST_AUTO_TEST_CASE(login_ends_at_power_off_by_another_program) {
    LoggedIn f(KeyUse::authentication);
    BOOST_REQUIRE(fake::other_resets(reader_name, SCARD_UNPOWER_CARD));
    f.check_lost();
}

BOOST_AUTO_TEST_CASE(login_ends_at_select_by_another_program_on_card_with_login_ended_by_select) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use, with(&Knobs::reselect_clears_pin));
        other_selects_jpki();
        f.check_lost();
    }
}

BOOST_AUTO_TEST_CASE(own_reads_keep_login_on_card_with_login_ended_by_select) {
    LoggedIn f(KeyUse::authentication, with(&Knobs::reselect_clears_pin));
    token_flags(auth_slot);
    token_flags(sign_slot);
    find(f.session);
    f.check_kept();
}

BOOST_AUTO_TEST_CASE(wrong_pin_of_another_program_ends_login) {
    LoggedIn f(KeyUse::authentication);
    BOOST_CHECK_EQUAL(other_verifies(KeyUse::authentication, "0000"), 0x63C2);
    f.check_lost();
}

BOOST_AUTO_TEST_CASE(card_with_one_login_at_a_time_loses_first_login_to_second) {
    LoggedIn f(KeyUse::authentication, with(&Knobs::one_pin_at_a_time));
    const auto sign = f.open_logged_in(sign_slot);
    signed_by(sign, find_key(sign), CKM_SHA256_RSA_PKCS, text);
    CHECK_RV(try_sign(f.session, f.key), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(f.state(f.session), CKS_RO_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(f.state(sign), CKS_RO_USER_FUNCTIONS);
}

BOOST_AUTO_TEST_CASE(phone_stays_present_after_lost_login) {
    LoggedIn f(KeyUse::authentication, with(&Knobs::phone));
    find(f.session);  // the certificate, read with the PIN
    other_selects_another_application();
    f.check_lost();
}

BOOST_AUTO_TEST_CASE(removal_and_swap_end_sessions_and_new_card_is_logged_out) {
    const auto other_card = std::make_shared<CardModel>(TestPki::shared(1), Knobs{});
    LoggedIn f(KeyUse::authentication);
    fake::swap_card(reader_name, other_card);
    CHECK_RV(sign_init(f.session, f.key), CKR_SESSION_HANDLE_INVALID);
    const auto fresh = f.open(auth_slot);
    BOOST_CHECK_EQUAL(f.state(fresh), CKS_RO_PUBLIC_SESSION);
    CHECK_RV(sign_init(fresh, f.key), CKR_KEY_HANDLE_INVALID);
    BOOST_CHECK_EQUAL(verifies(*other_card, KeyUse::authentication), 0u);
}

BOOST_AUTO_TEST_CASE(card_whose_answers_are_another_cards_keeps_no_login) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use);
        token_flags(slot_of(use));  // what a program reads for a list of tokens
        // Neither its key nor the certificate that was read before.
        fake::on_answer([](const std::string&, model::ByteView command) -> std::optional<Bytes> {
            if (command[1] == 0x2A || command[1] == 0xB0) return Bytes{0x6A, 0x86};
            return std::nullopt;
        });
        CHECK_RV(try_sign(f.session, f.key), CKR_DEVICE_REMOVED);
        fake::on_answer({});
        BOOST_CHECK(!f.card->verified(use));
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
    }
}

BOOST_AUTO_TEST_CASE(card_gets_no_pin_after_fault_in_check_which_card_it_is) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        token_flags(slot_of(use));  // what a program reads for a list of tokens, before the login
        const auto session = f.open_logged_in(slot_of(use));
        const auto key = find_key(session);
        // Not the answer of its key, and none to the check that follows.
        fake::on_answer([](const std::string&, model::ByteView command) -> std::optional<Bytes> {
            if (command[1] == 0x2A) return Bytes{0x6A, 0x86};
            if (command[1] == 0xB0) return Bytes{0x6F, 0x00};
            return std::nullopt;
        });
        CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);
        // Another card's certificate.
        fake::on_answer([](const std::string&, model::ByteView command) -> std::optional<Bytes> {
            if (command[1] != 0xB0) return std::nullopt;
            Bytes answer(command.back() == 0 ? 256 : command.back());
            answer.insert(answer.end(), {0x90, 0x00});
            return answer;
        });
        REQUIRE_OK(C_Logout(session));
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_DEVICE_REMOVED);
        fake::on_answer({});
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
    }
}

// pcscd takes a reader that does not answer for a moment as one without a card, and tells no connection of a removal.
BOOST_AUTO_TEST_CASE(card_that_is_said_to_be_removed_and_is_not_keeps_no_login) {
    const std::pair<fake::Function, LONG> moments[] = {{fake::Function::transmit, SCARD_E_READER_UNAVAILABLE},
                                                       {fake::Function::begin_transaction, SCARD_E_READER_UNAVAILABLE},
                                                       {fake::Function::get_attrib, SCARD_E_READER_UNAVAILABLE},
                                                       {fake::Function::get_status_change, SCARD_E_UNKNOWN_READER}};
    for (const KeyUse use : both_keys)
        for (const auto& [function, code] : moments) BOOST_TEST_CONTEXT(static_cast<int>(function)) {
                LoggedIn f(use);
                other_selects_jpki();  // another program keeps the card's power on
                fake::fail(function, code, 4);
                BOOST_CHECK_NE(rv_name(try_sign(f.session, f.key)), rv_name(CKR_OK));
                BOOST_CHECK(!f.card->verified(use));
                BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
            }
}

// With a reset of the next card, too: pcscd reports it in place of the removal.
BOOST_AUTO_TEST_CASE(removal_of_card_with_login_does_not_power_off_next_card) {
    for (const bool reset : {false, true})
        for (const bool finalized : {false, true}) {
            const auto next = card_of_person(1);
            LoggedIn f(KeyUse::authentication);
            fake::swap_card(reader_name, next);
            BOOST_REQUIRE_EQUAL(other_verifies(KeyUse::authentication, next->pin(KeyUse::authentication)), 0x9000);
            if (reset) BOOST_REQUIRE(fake::other_resets(reader_name));
            if (finalized) CHECK_RV(C_Finalize(nullptr), CKR_OK);
            else CHECK_RV(try_sign(f.session, f.key), CKR_SESSION_HANDLE_INVALID);
            BOOST_CHECK(next->verified(KeyUse::authentication));
            if (finalized) REQUIRE_OK(C_Initialize(nullptr));
        }
}

BOOST_AUTO_TEST_CASE(reset_during_own_transaction_releases_reader) {
    LoggedIn f(KeyUse::authentication);
    fake::inject(reader_name, {Fault::Kind::reset, 0});
    CHECK_RV(try_sign(f.session, f.key), CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    BOOST_CHECK_EQUAL(other_selects_jpki(), 0x9000);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
}

BOOST_AUTO_TEST_CASE(private_handles_of_lost_login_stay_invalid_after_next_login) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use);
        other_selects_another_application();
        CHECK_RV(try_sign(f.session, f.key), CKR_USER_NOT_LOGGED_IN);
        REQUIRE_OK(f.login(f.session, f.card->pin(use)));
        CHECK_RV(sign_init(f.session, f.key), CKR_KEY_HANDLE_INVALID);
        BOOST_CHECK_NE(find_key(f.session), f.key);
    }
}

// It is still in memory then, until the logout.
BOOST_AUTO_TEST_CASE(private_certificate_is_not_found_after_lost_login) {
    for (const KeyUse use : both_keys) {
        LoggedIn f(use, use == KeyUse::authentication ? with(&Knobs::phone) : Knobs{});
        BOOST_CHECK_EQUAL(find_class(f.session, CKO_CERTIFICATE).size(), 2u);
        other_selects_another_application();
        CHECK_RV(try_sign(f.session, f.key), CKR_USER_NOT_LOGGED_IN);
        BOOST_CHECK_EQUAL(find_class(f.session, CKO_CERTIFICATE).size(), 1u);  // the CA's
        BOOST_CHECK_EQUAL(find_class(f.session, CKO_PUBLIC_KEY).size(), 0u);
    }
}

BOOST_AUTO_TEST_SUITE_END()
