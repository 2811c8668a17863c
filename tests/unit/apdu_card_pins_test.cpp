// What Card does around a PIN: which commands are sent, and that no login stays open at the card that no user has.
#include "apdu/errors.hpp"

#include "card_on_model.hpp"

using namespace jpki;
using namespace std::chrono_literals;
using apdu_test::OnModel;
namespace model = jpki::model;

namespace {

constexpr auto authentication = KeyUse::authentication, signature = KeyUse::signature;
constexpr std::chrono::milliseconds any_age = 1h, no_age = 0ms;

}  // namespace

BOOST_AUTO_TEST_SUITE(card_pins)

// --- retry counters --------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(fresh_retry_counter_is_not_queried_again_when_the_identity_is_read) {
    OnModel on;
    BOOST_CHECK(on.card.tries(authentication, any_age) == TriesAnswer(3));
    BOOST_CHECK_EQUAL(on.sent(), "jpki tries:98");
    BOOST_CHECK(on.card.overview(authentication, any_age).tries == TriesAnswer(3));
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:88 read:8A");
}

BOOST_AUTO_TEST_CASE(fresh_retry_counter_needs_no_transaction) {
    OnModel on;
    on.card.tries(authentication, any_age);
    BOOST_CHECK_EQUAL(on.link->begun, 1);
    BOOST_CHECK(on.card.tries(authentication, any_age) == TriesAnswer(3));
    BOOST_CHECK_EQUAL(on.link->begun, 1);
}

BOOST_AUTO_TEST_CASE(retry_counter_of_other_key_is_queried_too_only_if_it_was_before_and_is_old) {
    OnModel on;
    on.card.tries(authentication, no_age);
    BOOST_CHECK_EQUAL(on.sent(), "jpki tries:98");
    on.card.tries(signature, any_age);
    BOOST_CHECK_EQUAL(on.sent(), "jpki tries:9B");
    on.card.tries(signature, no_age);
    BOOST_CHECK_EQUAL(on.sent(), "jpki tries:98 tries:9B");
}

BOOST_AUTO_TEST_CASE(retry_counter_is_not_known_after_accepted_pin) {
    OnModel on;
    BOOST_CHECK(!on.card.last_heard_tries(authentication));
    on.chip->set_tries(model::KeyUse::authentication, 1);
    on.card.tries(authentication, any_age);
    BOOST_CHECK(on.card.last_heard_tries(authentication) == TriesAnswer(1));
    on.log_in(authentication);
    BOOST_CHECK(!on.card.last_heard_tries(authentication));
}

// --- VERIFY ----------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(rejected_pin_without_a_login_is_the_last_command) {
    OnModel on;
    BOOST_CHECK(on.verify(authentication, "9999").kind == PinAnswer::Kind::rejected);
    BOOST_CHECK_EQUAL(on.sent(), "jpki verify:98");
    BOOST_CHECK(!on.card.may_be_open());
}

BOOST_AUTO_TEST_CASE(rejected_or_blocked_pin_that_ends_the_only_login_resets_the_security_status) {
    for (const KeyUse use : all_key_uses)
        for (const bool blocked : {false, true}) {
            OnModel on;
            on.log_in(use);
            if (blocked) on.chip->set_tries(static_cast<model::KeyUse>(use), 0);
            on.sent();
            const PinAnswer answer = on.verify(use, on.wrong_pin(use));
            BOOST_CHECK(answer.kind == (blocked ? PinAnswer::Kind::blocked : PinAnswer::Kind::rejected));
            BOOST_CHECK_EQUAL(on.sent(), use == authentication ? "jpki verify:98 isd" : "jpki verify:9B isd");
            BOOST_CHECK(!on.card.may_be_open());
        }
}

BOOST_AUTO_TEST_CASE(odd_answer_to_verify_ends_the_login_of_that_key_at_the_card) {
    OnModel on;
    on.log_in(authentication);
    on.answer_once("verify:98", "6F00");
    on.sent();
    BOOST_CHECK_THROW(on.verify(authentication, "1234"), CardFault);
    BOOST_CHECK_EQUAL(on.sent(), "jpki verify:98 isd");
    BOOST_CHECK(!on.card.verified(authentication));
    BOOST_CHECK(!on.card.may_be_open());
    BOOST_CHECK(!on.chip->verified(model::KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(connection_that_fails_at_verify_gets_no_further_command_and_powers_the_card_off) {
    OnModel on;
    on.fail<TransportFault>("verify:98");
    BOOST_CHECK_THROW(on.verify(authentication, "1234"), TransportFault);
    BOOST_CHECK_EQUAL(on.sent(), "jpki verify:98");
    BOOST_CHECK_EQUAL(on.link->powered_off, 1);
    BOOST_CHECK(on.card.presence() == Presence::connection_lost);
}

BOOST_AUTO_TEST_CASE(answer_to_a_pin_is_returned_although_the_card_is_removed_after_it) {
    OnModel on;
    on.log_in(authentication);
    on.fail<CardRemoved>("isd");
    const PinAnswer answer = on.verify(authentication, "9999");
    BOOST_CHECK(answer.kind == PinAnswer::Kind::rejected);
    BOOST_CHECK_EQUAL(answer.tries_left, 2);
    BOOST_CHECK(on.card.presence() == Presence::removed);
    on.sent();
    BOOST_CHECK_THROW(on.verify(authentication, "1234"), CardRemoved);
    BOOST_CHECK_EQUAL(on.sent(), "");
}

BOOST_AUTO_TEST_CASE(answer_to_a_pin_is_returned_although_the_connection_fails_after_it) {
    OnModel on;
    on.log_in(authentication);
    on.fail<TransportFault>("isd");
    BOOST_CHECK_EQUAL(on.verify(authentication, "9999").tries_left, 2);
    BOOST_CHECK(on.card.presence() == Presence::connection_lost);
    BOOST_CHECK_EQUAL(on.link->powered_off, 1);
    BOOST_CHECK(!on.card.may_be_open());
}

BOOST_AUTO_TEST_CASE(consent_ends_when_a_pin_of_its_holder_is_rejected) {
    OnModel on;
    on.log_in(signature, [] { return true; });
    BOOST_REQUIRE(on.card.held());
    BOOST_CHECK(on.verify(signature, "WRONG1").kind == PinAnswer::Kind::rejected);
    BOOST_CHECK(!on.card.held());
    BOOST_CHECK_EQUAL(on.link->ended, on.link->begun);
}

// --- CHANGE REFERENCE DATA -------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(change_without_an_answer_or_with_an_odd_one_is_one_line_of_the_log) {
    OnModel odd;
    odd.answer_once("change:98", "6F00");
    BOOST_CHECK_THROW(odd.change(authentication, "1234", "5678"), CardFault);
    BOOST_CHECK_EQUAL(odd.lines_with("PIN change not confirmed; not known which PIN is valid"), 1u);
    BOOST_CHECK_EQUAL(odd.sent(), "jpki verify:98 change:98 isd");
    OnModel lost;
    lost.fail<TransportFault>("change:98");
    BOOST_CHECK_THROW(lost.change(authentication, "1234", "5678"), TransportFault);
    BOOST_CHECK_EQUAL(lost.lines_with("PIN change: answer lost; not known which PIN is valid"), 1u);
    OnModel removed;
    removed.fail<CardRemoved>("change:98");
    BOOST_CHECK_THROW(removed.change(authentication, "1234", "5678"), CardRemoved);
    BOOST_CHECK_EQUAL(removed.lines_with("PIN change interrupted: card removed; not known which PIN is valid"), 1u);
}

// --- a loss of power -------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(loss_of_power_removes_the_certificate_that_needs_the_pin_and_keeps_the_public_one) {
    OnModel on;
    BOOST_REQUIRE(on.card.certificate(authentication).kind == FileAnswer::Kind::read);
    on.log_in(authentication);
    on.log_in(signature);
    BOOST_REQUIRE(on.card.certificate(signature).kind == FileAnswer::Kind::read);
    on.link->reset = on.link->lost = true;
    on.card.tries(authentication, no_age);
    BOOST_CHECK(!on.card.verified(authentication) && !on.card.verified(signature));
    BOOST_CHECK(!on.card.known_certificate(signature));
    BOOST_CHECK(on.card.known_certificate(authentication));
    BOOST_CHECK_EQUAL(on.lines_with("card lost power; all logins ended"), 1u);
    on.link->reset = true;
    on.card.tries(authentication, no_age);
    BOOST_CHECK_EQUAL(on.lines_with("card lost power; all logins ended"), 1u);
}

// --- the end of a login ----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(application_is_selected_before_any_command_after_the_security_status_was_reset) {
    OnModel on;
    on.log_in(authentication);
    on.card.reset_security_status();
    on.sent();
    on.card.certificate(authentication);
    BOOST_CHECK_EQUAL(on.sent().substr(0, 12), "jpki read:8A");
}

BOOST_AUTO_TEST_CASE(issuer_security_domain_is_selected_again_only_after_6F00_to_the_first_command_after_a_reset) {
    OnModel first;
    first.log_in(authentication);
    first.link->reset = true;
    first.answer_once("isd", "6F00");
    first.sent();
    first.card.reset_security_status();
    BOOST_CHECK_EQUAL(first.sent(), "isd isd");
    BOOST_CHECK_EQUAL(first.link->powered_off, 0);
    OnModel later;
    later.log_in(authentication);
    later.answer_once("isd", "6A82");
    later.sent();
    later.card.reset_security_status();
    BOOST_CHECK_EQUAL(later.sent(), "isd");
    BOOST_CHECK_EQUAL(later.link->powered_off, 1);
}

// The card cannot end one login only: the consent goes with the login that its user has ended.
BOOST_AUTO_TEST_CASE(consent_of_one_key_ends_when_the_login_of_the_other_is_ended_at_the_card) {
    OnModel on;
    on.log_in(authentication);
    on.log_in(signature, [] { return true; });
    on.card.forget(authentication);
    on.sent();
    on.card.reset_security_status_unless_verified(signature);
    BOOST_CHECK_EQUAL(on.sent(), "isd");
    BOOST_CHECK(!on.card.held());
    BOOST_CHECK(!on.chip->verified(model::KeyUse::authentication));
}

BOOST_AUTO_TEST_CASE(consent_at_a_removed_card_ends_without_a_command) {
    OnModel on;
    on.log_in(signature, [] { return true; });
    on.card.set_gone();
    on.sent();
    BOOST_CHECK_NO_THROW(on.card.end_hold_older_than(no_age));
    BOOST_CHECK_EQUAL(on.sent(), "");
    BOOST_CHECK_EQUAL(on.lines_with("no signature within"), 0u);
}

BOOST_AUTO_TEST_CASE(card_removed_at_the_end_of_a_consent_is_gone) {
    OnModel on;
    on.log_in(signature, [] { return true; });
    on.fail<CardRemoved>("isd");
    BOOST_CHECK_THROW(on.card.end_hold_older_than(no_age), CardRemoved);
    BOOST_CHECK(on.card.presence() == Presence::removed);
    BOOST_CHECK(!on.card.may_be_open());
}

BOOST_AUTO_TEST_CASE(certificate_that_was_only_read_during_a_login_is_removed_by_the_logout) {
    OnModel on;
    on.log_in(authentication);
    BOOST_REQUIRE(on.card.certificate(authentication).kind == FileAnswer::Kind::read);
    BOOST_CHECK(on.card.forget(authentication));
    BOOST_CHECK(!on.card.known_certificate(authentication));
    BOOST_CHECK(!on.card.forget(authentication));  // nothing is left to remove
    BOOST_REQUIRE(on.card.certificate(authentication).kind == FileAnswer::Kind::read);
    BOOST_CHECK(!on.card.forget(authentication));
    BOOST_CHECK(on.card.known_certificate(authentication));
}

BOOST_AUTO_TEST_CASE(login_in_doubt_after_a_reset_is_checked_at_the_card_once) {
    for (const KeyUse use : all_key_uses) {
        OnModel on;
        on.log_in(use);
        on.link->reset = true;
        on.sent();
        BOOST_CHECK(on.card.still_verified(use));
        BOOST_CHECK(!on.sent().empty());
        BOOST_CHECK(on.card.still_verified(use));
        BOOST_CHECK_EQUAL(on.sent(), "");
    }
}

BOOST_AUTO_TEST_CASE(pin_in_a_held_transaction_is_sent_after_another_select_if_the_card_was_reset_in_it) {
    OnModel on;
    on.log_in(signature, [] { return true; });
    on.fail<CardReset>("read:8A");
    BOOST_CHECK_THROW(on.card.certificate(authentication), CardReset);
    BOOST_REQUIRE(on.card.held());
    on.link->instead = {};
    on.sent();
    on.log_in(signature, [] { return true; });
    BOOST_CHECK(on.sent().starts_with("jpki verify"));
}

BOOST_AUTO_TEST_SUITE_END()
