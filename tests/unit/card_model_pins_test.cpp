// The card model against apdu/README.md: the retry counter query, VERIFY, CHANGE, and how long a login lasts.
#include <boost/test/unit_test.hpp>

#include "card_model_fixture.hpp"

using namespace card_model_test;

BOOST_AUTO_TEST_SUITE(pins)

BOOST_AUTO_TEST_CASE(retry_counter_query_costs_no_try_and_does_not_show_login) {
    OpenCard card;
    BOOST_TEST(card.sw("00200098") == 0x63C3U);
    BOOST_TEST(card.sw("0020009B") == 0x63C5U);
    card.sw(verify_auth);
    BOOST_TEST(card.sw("00200098") == 0x63C3U);
    BOOST_TEST(card.verified(KeyUse::authentication));
    BOOST_TEST(card.counts().verify[0] == 1U);
}

BOOST_AUTO_TEST_CASE(retry_counter_query_has_exactly_four_bytes_or_exactly_five) {
    OpenCard card;
    BOOST_TEST(card.sw("00200098 00") == 0x6700U);
    OpenCard other(with([](Knobs& k) { k.query_needs_le = true; }));
    BOOST_TEST(other.sw("00200098") == 0x6700U);
    BOOST_TEST(other.sw("00200098 00") == 0x63C3U);
    BOOST_TEST(other.sw("00200098 04") == 0x6700U);
}

BOOST_AUTO_TEST_CASE(selected_pin_file_is_queried_with_p2_80) {
    OpenCard card;
    BOOST_TEST(card.sw("00200080") == 0x6986U);
    card.sw("00A4020C 02 001B");
    BOOST_TEST(card.sw("00200080") == 0x63C5U);
    BOOST_TEST(card.sw("00200080 06 414243313233") == 0x9000U);
    BOOST_TEST(card.verified(KeyUse::signature));
    card.sw("00A4020C 02 000A");
    BOOST_TEST(card.sw("00200080") == 0x6981U);
}

BOOST_AUTO_TEST_CASE(wrong_references_get_their_status_words) {
    OpenCard card;
    BOOST_TEST(card.sw("00200001") == 0x6A86U);
    BOOST_TEST(card.sw("00200198") == 0x6A86U);
    BOOST_TEST(card.sw("00200097") == 0x6981U);
    BOOST_TEST(card.sw("00200083") == 0x6A82U);
}

BOOST_AUTO_TEST_CASE(wrong_pin_costs_try_and_right_one_resets_counter) {
    OpenCard card;
    BOOST_TEST(card.sw(verify_auth_wrong) == 0x63C2U);
    BOOST_TEST(card.sw(verify_auth_wrong) == 0x63C1U);
    BOOST_TEST(card.tries(KeyUse::signature) == 5);
    BOOST_TEST(card.sw(verify_auth) == 0x9000U);
    BOOST_TEST(card.tries(KeyUse::authentication) == 3);
    BOOST_TEST(card.counts().wrong[0] == 2U);
    BOOST_TEST(card.counts().verify[0] == 3U);
}

BOOST_AUTO_TEST_CASE(pins_are_compared_byte_by_byte) {
    OpenCard card;
    BOOST_TEST(card.sw("0020009B 06 616263313233") == 0x63C4U);    // abc123
    BOOST_TEST(card.sw("0020009B 07 41424331323300") == 0x63C3U);  // padded
    BOOST_TEST(card.sw("0020009B 05 4142433132") == 0x63C2U);      // the beginning
}

BOOST_AUTO_TEST_CASE(blocking_try_answers_63c0_and_then_right_pin_is_rejected) {
    OpenCard card(with([](Knobs& k) { k.tries = {1, 5}; }));
    BOOST_TEST(card.sw(verify_auth_wrong) == 0x63C0U);
    BOOST_TEST(card.sw(verify_auth) == 0x6984U);
    BOOST_TEST(card.sw("00200098") == 0x63C0U);
    BOOST_TEST(card.tries(KeyUse::authentication) == 0);
    BOOST_TEST(card.counts().wrong[0] == 1U);
}

BOOST_AUTO_TEST_CASE(status_words_of_blocked_pin_are_knobs) {
    using Form = Knobs::TriesForm;
    constexpr std::array<std::pair<Form, unsigned>, 3> forms = {
        {{Form::x63c0, 0x63C0U}, {Form::x6983, 0x6983U}, {Form::x6984, 0x6984U}}};
    OpenCard card(with([](Knobs& k) { k.tries = {0, 0}; }));
    for (const auto& [form, status] : forms) {
        card.change_knobs([blocked = form](Knobs& k) { k.blocked_query = k.blocked_verify = blocked; });
        BOOST_TEST(card.sw("0020009B") == status);
        BOOST_TEST(card.sw(verify_sign) == status);
    }
}

BOOST_AUTO_TEST_CASE(both_pins_can_be_verified_and_failure_ends_its_own_login) {
    OpenCard card;
    card.sw(verify_auth);
    card.sw(verify_sign);
    BOOST_TEST(card.verified(KeyUse::authentication));
    BOOST_TEST(card.verified(KeyUse::signature));
    card.sw(verify_sign_wrong);
    BOOST_TEST(card.verified(KeyUse::authentication));
    BOOST_TEST(!card.verified(KeyUse::signature));
}

BOOST_AUTO_TEST_CASE(failed_verify_ends_both_logins_by_knob) {
    OpenCard card(with([](Knobs& k) { k.failure_clears_other_login = true; }));
    card.sw(verify_auth);
    card.sw(verify_sign_wrong);
    BOOST_TEST(!card.verified(KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(successful_verify_ends_other_login_by_knob) {
    OpenCard card(with([](Knobs& k) { k.one_pin_at_a_time = true; }));
    card.sw(verify_auth);
    card.sw(verify_sign);
    BOOST_TEST(!card.verified(KeyUse::authentication));
    BOOST_TEST(card.verified(KeyUse::signature));
}

BOOST_AUTO_TEST_CASE(login_survives_select_file_reselection_and_warm_reset) {
    OpenCard card;
    card.sw(verify_auth);
    card.sw("00A4020C 02 0006");
    card.sw(select_jpki);
    BOOST_TEST(card.verified(KeyUse::authentication));
    card.warm_reset();
    BOOST_TEST(!card.application_selected());
    card.sw(select_jpki);
    BOOST_TEST(card.sign(0x00, KeyUse::authentication, {1}).sw == 0x9000U);
    card.other_program_resets();
    BOOST_TEST(card.verified(KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(login_ends_at_power_off_and_select_of_another_application) {
    OpenCard card;
    card.sw(verify_auth);
    card.power_off();
    BOOST_CHECK_THROW(card.transmit(hex(select_jpki)), CardModel::CardGone);
    card.power_on();
    BOOST_TEST(!card.verified(KeyUse::authentication));
    BOOST_TEST(!card.application_selected());
    card.sw(select_jpki);
    card.sw(verify_auth);
    card.power_on();  // it is on: no change
    BOOST_TEST(card.verified(KeyUse::authentication));
    card.other_program_selects_another_application();
    BOOST_TEST(!card.verified(KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(reselection_or_reset_ends_login_by_knob) {
    OpenCard card(with([](Knobs& k) { k.reselect_clears_pin = true; }));
    card.sw(verify_auth);
    card.sw(select_jpki);
    BOOST_TEST(!card.verified(KeyUse::authentication));
    OpenCard other(with([](Knobs& k) { k.reset_clears_pin = true; }));
    other.sw(verify_auth);
    other.warm_reset();
    BOOST_TEST(!other.verified(KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(pin_is_changed_after_its_verification_only) {
    OpenCard card;
    BOOST_TEST(card.sw("00240198 04 39383736") == 0x6982U);
    card.sw(verify_sign);
    BOOST_TEST(card.sw("00240198 04 39383736") == 0x6982U);
    card.sw(verify_auth);
    BOOST_TEST(card.sw("00240198 04 39383736") == 0x9000U);
    BOOST_TEST(card.pin(KeyUse::authentication) == "9876");
    BOOST_TEST(card.counts().changes[0] == 1U);
    BOOST_TEST(card.sw(verify_auth) == 0x63C2U);
    BOOST_TEST(card.sw("00200098 04 39383736") == 0x9000U);
}

BOOST_AUTO_TEST_CASE(selected_pin_file_is_changed_with_p2_80) {
    OpenCard card;
    card.sw("00A4020C 02 001B");
    card.sw("00200080 06 414243313233");
    BOOST_TEST(card.sw("00240180 06 5A5A5A393939") == 0x9000U);
    BOOST_TEST(card.pin(KeyUse::signature) == "ZZZ999");
}

BOOST_AUTO_TEST_CASE(malformed_changes_are_rejected) {
    OpenCard card;
    card.sw(verify_auth);
    BOOST_TEST(card.sw("00240098 04 39383736") == 0x6A86U);
    BOOST_TEST(card.sw("00240198") == 0x6700U);
    BOOST_TEST(card.sw("00240198 11 3131313131313131313131313131313131") == 0x6700U);
    BOOST_TEST(card.pin(KeyUse::authentication) == "1234");
}

BOOST_AUTO_TEST_CASE(password_rules_are_enforced_by_knob) {
    OpenCard lax;
    lax.sw(verify_sign);
    BOOST_TEST(lax.sw("0024019B 04 61626364") == 0x9000U);
    OpenCard card(with([](Knobs& k) { k.enforces_password_rules = true; }));
    card.sw(verify_auth);
    card.sw(verify_sign);
    for (const char* command : {"0024019B 06 616263313233", "0024019B 06 414243444546", "0024019B 06 313233343536",
                                "0024019B 05 4142433132", "00240198 03 313233", "00240198 04 41424344"})
        BOOST_TEST(card.sw(command) == 0x6A80U, command);
    BOOST_TEST(card.sw("0024019B 06 5A5A5A393939") == 0x9000U);
    BOOST_TEST(card.sw("00240198 04 39383736") == 0x9000U);
}

BOOST_AUTO_TEST_CASE(card_without_signature_certificate_answers_in_one_of_three_ways) {
    const auto card_with = [](Knobs::Missing missing) {
        Knobs knobs;
        knobs.has_signature = false;
        knobs.missing_file = missing;
        return knobs;
    };
    OpenCard none(card_with(Knobs::Missing::not_found));
    for (const char* command : {"00B08100 04", "0020009B", "00A4020C 02 0001", "00A4020C 02 001A", "00A4020C 02 001B"})
        BOOST_TEST(none.sw(command) == 0x6A82U, command);
    BOOST_TEST(none.sw("00B08200 04") == 0x9000U);

    OpenCard empty(card_with(Knobs::Missing::empty));
    BOOST_TEST(empty.sw("00A4020C 02 0001") == 0x9000U);
    BOOST_TEST(empty.sw("0020009B") == 0x63C0U);
    BOOST_TEST(empty.sw(verify_sign) == 0x6984U);
    BOOST_TEST(empty.sign(0x00, KeyUse::signature, {1}).sw == 0x6A82U);

    OpenCard filler(card_with(Knobs::Missing::filler));
    BOOST_TEST(filler.sw(verify_sign) == 0x9000U);
    BOOST_TEST(filler.send("00B08100 04").data == Bytes(4, 0xFF));
}

BOOST_AUTO_TEST_CASE(authentication_certificate_can_be_missing) {
    OpenCard card(with([](Knobs& k) { k.has_authentication = false; }));
    for (const char* command : {"00B08A00 04", "00200098", "00A4020C 02 0017"}) BOOST_TEST(card.sw(command) == 0x6A82U, command);
    BOOST_TEST(card.sw(verify_sign) == 0x9000U);
}

BOOST_AUTO_TEST_CASE(tries_maximum_tries_and_pins_are_knobs) {
    OpenCard card(with([](Knobs& k) {
        k.tries = {2, 1};
        k.max_tries = {7, 9};
        k.pins = {"0000", "ZZZ999"};
    }));
    BOOST_TEST(card.sw("00200098") == 0x63C2U);
    BOOST_TEST(card.sw("00200098 04 30303030") == 0x9000U);
    BOOST_TEST(card.sw("00200098") == 0x63C7U);
    card.set_tries(KeyUse::signature, 4);
    BOOST_TEST(card.sw("0020009B") == 0x63C4U);
}

BOOST_AUTO_TEST_SUITE_END()
