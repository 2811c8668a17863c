// Which commands Card sends for the recognition of a card and for the list of tokens.
#include "apdu/errors.hpp"

#include "card_on_model.hpp"
#include "tests/module/test_clock.hpp"

#include <thread>

using namespace jpki;
using namespace std::chrono_literals;
using apdu_test::hex;
using apdu_test::OnModel;
namespace model = jpki::model;

namespace {

constexpr auto authentication = KeyUse::authentication, signature = KeyUse::signature;

model::Knobs foreign(std::uint16_t answer) {
    model::Knobs knobs;
    knobs.is_jpki = false;
    knobs.other_card_answer = answer;
    return knobs;
}

// Every command is answered 9000 without data.
void answer_9000_to_all(OnModel& on) {
    on.link->instead = [](const std::string&) { return hex("9000"); };
}

// What look() says to a thread while an operation of this thread goes on, and how long it waited by the card's clock.
struct Looked {
    std::optional<bool> seen;
    CardClock::duration waited;
};
Looked look_during_an_operation(OnModel& on) {
    const test_clock::SleepsTakeNoTime no_time;
    Looked looked;
    on.card.exclusively([&] {
        std::thread([&] {
            const auto began = CardClock::now();
            looked.seen = on.card.look();
            looked.waited = CardClock::now() - began;
        }).join();
    });
    return looked;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(card_state)

// --- recognition -----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(foreign_card_gets_one_command) {
    for (const int answer : {0x6A82, 0x6A81}) {
        OnModel on(foreign(static_cast<std::uint16_t>(answer)));
        BOOST_CHECK(!on.card.recognise());
        BOOST_CHECK(!on.card.recognise());
        BOOST_CHECK(on.card.look() == std::optional(false));
        BOOST_CHECK_EQUAL(on.sent(), "jpki");
    }
}

BOOST_AUTO_TEST_CASE(two_odd_answers_to_select_are_a_foreign_card_and_one_line_of_the_log) {
    OnModel on;
    on.link->instead = [](const std::string&) { return hex("6F00"); };
    BOOST_CHECK(!on.card.recognise());
    BOOST_CHECK(!on.card.recognise());
    BOOST_CHECK_EQUAL(on.sent(), "jpki jpki");
    BOOST_CHECK_EQUAL(on.lines_with("status 6F00, second unexpected answer; not a JPKI card"), 1u);
}

BOOST_AUTO_TEST_CASE(card_that_answers_9000_to_every_command_shows_no_token_and_gets_no_further_command) {
    OnModel looked;
    answer_9000_to_all(looked);
    BOOST_CHECK(looked.card.look() == std::optional(false));
    BOOST_CHECK(!looked.card.recognised());
    looked.sent();
    BOOST_CHECK(looked.card.look() == std::optional(false));
    BOOST_CHECK_EQUAL(looked.sent(), "");
    OnModel overview;
    answer_9000_to_all(overview);
    BOOST_CHECK(!overview.card.recognise(all_key_uses));
    BOOST_CHECK_EQUAL(overview.sent(), "jpki read:88 read:86");
}

BOOST_AUTO_TEST_CASE(odd_answer_to_select_is_asked_for_again_although_another_application_was_selected_before) {
    OnModel on;
    BOOST_REQUIRE(on.card.recognise());
    Card second(on.connection, on.log);
    on.answer_once("jpki", "6F00");
    on.sent();
    BOOST_CHECK(second.recognise());
    BOOST_CHECK_EQUAL(on.sent(), "jpki jpki");
}

BOOST_AUTO_TEST_CASE(removed_application_is_not_notified_of_later_operations) {
    OnModel on;
    auto second = std::make_unique<Card>(on.connection, on.log);
    BOOST_REQUIRE(second->recognise());
    second.reset();
    BOOST_CHECK(on.card.recognise());
}

BOOST_AUTO_TEST_CASE(recognition_is_done_once) {
    OnModel on;
    BOOST_CHECK(on.card.recognise());
    BOOST_CHECK_EQUAL(on.sent(), "jpki");
    BOOST_CHECK_EQUAL(on.link->recognised, 1);
    BOOST_CHECK(on.card.recognise(all_key_uses));
    BOOST_CHECK_EQUAL(on.sent(), "");
    BOOST_CHECK(on.card.look() == std::optional(true));
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:88");
    BOOST_CHECK_EQUAL(on.link->recognised, 1);
}

BOOST_AUTO_TEST_CASE(connection_that_fails_during_the_recognition_is_given_up) {
    for (const char* word : {"jpki", "read:88", "tries:98"}) {
        OnModel on;
        on.fail<TransportFault>(word);
        BOOST_CHECK_THROW(on.card.recognise(all_key_uses), TransportFault);
        BOOST_CHECK_MESSAGE(on.card.gone(), word);
        if (word == std::string("tries:98")) continue;
        OnModel looked;
        looked.fail<TransportFault>(word);
        BOOST_CHECK_THROW(looked.card.look(), TransportFault);
    }
}

BOOST_AUTO_TEST_CASE(odd_answer_to_what_a_token_shows_does_not_hide_the_card) {
    OnModel on;
    on.fail<CardFault>("tries:98");
    BOOST_CHECK(on.card.recognise(all_key_uses));
    BOOST_CHECK_EQUAL(on.lines_with("fault of the test"), 1u);
}

// --- the list of tokens ----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(list_of_tokens_needs_no_transaction_for_a_known_card) {
    OnModel on;
    BOOST_CHECK(on.card.look() == std::optional(true));
    BOOST_CHECK_EQUAL(on.link->begun, 1);
    BOOST_CHECK(on.card.look() == std::optional(true));
    BOOST_CHECK_EQUAL(on.link->begun, 1);
    on.card.set_gone();
    BOOST_CHECK_THROW(on.card.look(), CardRemoved);
}

BOOST_AUTO_TEST_CASE(card_whose_keys_were_read_without_a_recognition_is_recognised_by_the_list_of_tokens) {
    OnModel on;
    BOOST_CHECK(on.card.has_key(authentication));
    on.sent();
    BOOST_CHECK(on.card.look() == std::optional(true));
    BOOST_CHECK_EQUAL(on.sent(), "jpki");
    BOOST_CHECK(on.card.recognised());
}

BOOST_AUTO_TEST_CASE(list_of_tokens_ends_no_consent) {
    OnModel on;
    on.log_in(signature, [] { return false; });
    on.sent();
    BOOST_CHECK(!on.card.look());
    BOOST_CHECK(on.card.held());
    BOOST_CHECK_EQUAL(on.sent(), "");
}

BOOST_AUTO_TEST_CASE(only_the_list_of_tokens_does_not_wait_for_other_programs) {
    OnModel on;
    on.link->before_begin = [&] {
        BOOST_CHECK(!on.link->waits);
        throw CardBusy("another program");
    };
    BOOST_CHECK(!on.card.look());
    BOOST_CHECK(on.link->waits);
    on.link->before_begin = {};
    BOOST_CHECK(on.card.look() == std::optional(true));
}

BOOST_AUTO_TEST_CASE(list_of_tokens_waits_for_another_thread_only_if_that_may_recognise_the_card_and_not_for_long) {
    OnModel unknown;
    const Looked first = look_during_an_operation(unknown);
    BOOST_CHECK(!first.seen);
    BOOST_CHECK(first.waited >= 1s && first.waited < 60s);
    OnModel exclusive;
    exclusive.link->exclusive = true;
    BOOST_CHECK(look_during_an_operation(exclusive).waited < 1s);
    OnModel known;
    BOOST_REQUIRE(known.card.recognise());
    BOOST_CHECK(look_during_an_operation(known).waited < 1s);
}

BOOST_AUTO_TEST_CASE(reset_of_the_security_status_that_is_due_comes_before_the_list_of_tokens) {
    OnModel on;
    on.log_in(authentication);
    on.link->before_begin = [] { throw CardBusy("another program"); };
    BOOST_CHECK_THROW(on.card.reset_security_status(), CardBusy);
    on.link->before_begin = {};
    on.sent();
    BOOST_CHECK(on.card.look() == std::optional(true));
    BOOST_CHECK_EQUAL(on.sent(), "isd jpki read:88");
}

BOOST_AUTO_TEST_SUITE_END()
