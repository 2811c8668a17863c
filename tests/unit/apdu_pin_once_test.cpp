// A PIN is sent to a card once, unless it is certain that the first command reached no PIN; and never to a replaced card.
#include "apdu/applet.hpp"
#include "apdu/errors.hpp"
#include "apdu/pcsc_link.hpp"

#include "card_model.hpp"
#include "scripted_link.hpp"
#include "test_pki.hpp"
#include "tests/fake_pcsc/fake_pcsc.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace jpki;
using apdu_test::ScriptedLink;
namespace fake = jpki::fake;
namespace model = jpki::model;

namespace {

const std::string reader = "Fake Reader 00 00";

// The result of VERIFY with a card that gives these answers, and how often the PIN was sent.
struct Sent {
    PinAnswer answer;
    std::size_t pins;
};

std::size_t pins_in(const ScriptedLink& link) {
    return static_cast<std::size_t>(std::count_if(link.commands.begin(), link.commands.end(), [](const Bytes& command) {
        return command.size() > 5 && (command[1] == 0x20 || command[1] == 0x24);
    }));
}

void take_1234(Secret& pin) {
    const std::uint8_t digits[] = {'1', '2', '3', '4'};
    BOOST_REQUIRE(take_pin(KeyUse::authentication, digits, pin) == PinShape::good);
}

Sent verify(std::initializer_list<std::string_view> answers, CommandProfile profile = {}) {
    ScriptedLink link(answers);
    Link::Transaction transaction(link);
    Secret pin;
    take_1234(pin);
    const PinAnswer answer = Applet(transaction, profile).verify(KeyUse::authentication, pin);
    return {answer, pins_in(link)};
}

struct Commands {
    std::size_t all, pins;
};

// The commands of a VERIFY that ends with a fault.
Commands commands_before_fault(std::initializer_list<std::string_view> answers) {
    ScriptedLink link(answers);
    Link::Transaction transaction(link);
    CommandProfile profile;
    Secret pin;
    take_1234(pin);
    BOOST_CHECK_THROW(Applet(transaction, profile).verify(KeyUse::authentication, pin), CardFault);
    return {link.commands.size(), pins_in(link)};
}

constexpr CommandProfile by_select_ef{CommandProfile::Form::select_ef};

}  // namespace

BOOST_AUTO_TEST_SUITE(pin_once)

BOOST_AUTO_TEST_CASE(pin_is_not_sent_again_if_used_form_returns_retry_counter) {
    const Sent sent = verify({"6A88", "63C3"});  // VERIFY by SFI; the retry counter query by SFI
    BOOST_CHECK_EQUAL(sent.pins, 1u);
    BOOST_CHECK(sent.answer.kind == PinAnswer::Kind::absent);
}

BOOST_AUTO_TEST_CASE(pin_is_not_sent_again_if_other_form_returns_no_retry_counter) {
    for (const std::string_view query : {"9000", "6A88", "6700"}) {
        const Sent sent = verify({"6A82", "6A82", "9000", query});  // VERIFY, query by SFI; SELECT EF, query
        BOOST_CHECK_EQUAL(sent.pins, 1u);
        BOOST_CHECK(sent.answer.kind == PinAnswer::Kind::absent);
    }
}

BOOST_AUTO_TEST_CASE(pin_is_sent_again_if_only_other_form_returns_retry_counter) {
    const Sent sent = verify({"6A82", "6A82", "9000", "63C3", "9000"});
    BOOST_CHECK_EQUAL(sent.pins, 2u);
    BOOST_CHECK(sent.answer.kind == PinAnswer::Kind::accepted);
}

BOOST_AUTO_TEST_CASE(pin_is_not_sent_again_after_fault) {
    for (const std::string_view odd : {"6F00", "6300", "6581", "6982", "9100"})
        BOOST_CHECK_EQUAL(commands_before_fault({odd, "63C3"}).all, 1u);
}

// The card carried out the VERIFY, and two of its answers were damaged. Only a regular "not found" shows the other form.
BOOST_AUTO_TEST_CASE(pin_is_not_sent_again_after_odd_answer_to_retry_counter_query) {
    for (const std::string_view odd : {"3B00", "6F00", "6982", "6300"})  // VERIFY, query by SFI; SELECT EF, query, VERIFY
        BOOST_CHECK_EQUAL(commands_before_fault({"6D00", odd, "9000", "63C5", "9000"}).pins, 1u);
}

// An error of GET RESPONSE is none of the VERIFY, whose answer is lost.
BOOST_AUTO_TEST_CASE(pin_is_not_sent_again_after_get_response_that_failed) {
    for (const std::string_view odd : {"6A88", "6A82", "6982", "6700"})
        BOOST_CHECK_EQUAL(commands_before_fault({"6102", odd, "6A82", "9000", "63C3"}).all, 2u);
}

BOOST_AUTO_TEST_CASE(no_pin_is_sent_to_current_file_if_select_ef_does_not_find_the_pin) {
    const Sent sent = verify({"6A82", "9000"}, by_select_ef);
    BOOST_CHECK_EQUAL(sent.pins, 0u);
    BOOST_CHECK(sent.answer.kind == PinAnswer::Kind::absent);
}

BOOST_AUTO_TEST_CASE(new_pin_is_a_fault_and_not_sent_if_select_ef_does_not_find_the_pin) {
    ScriptedLink link{"6A82", "9000"};
    Link::Transaction transaction(link);
    CommandProfile profile = by_select_ef;
    Secret pin;
    take_1234(pin);
    BOOST_CHECK_THROW(Applet(transaction, profile).change(KeyUse::authentication, pin), CardFault);
    BOOST_CHECK_EQUAL(pins_in(link), 0u);
}

BOOST_AUTO_TEST_CASE(wrong_pin_settles_the_form_in_which_it_was_compared) {
    ScriptedLink link{"63C2"};
    Link::Transaction transaction(link);
    CommandProfile profile;
    Secret pin;
    take_1234(pin);
    BOOST_CHECK_EQUAL(Applet(transaction, profile).verify(KeyUse::authentication, pin).tries_left, 2);
    BOOST_CHECK(profile.form == CommandProfile::Form::short_form);
}

BOOST_AUTO_TEST_CASE(retry_counter_query_that_finds_no_pin_settles_neither_form_nor_length) {
    ScriptedLink link{"6700", "6A88", "9000", "6700", "6A88"};  // by SFI without and with Le; SELECT EF; without and with Le
    Link::Transaction transaction(link);
    CommandProfile profile;
    BOOST_CHECK(!Applet(transaction, profile).tries(KeyUse::authentication));
    BOOST_CHECK_EQUAL(link.commands.size(), 5u);
    BOOST_CHECK(profile.form == CommandProfile::Form::unknown);
    BOOST_CHECK(!profile.query_with_le);
}

BOOST_AUTO_TEST_CASE(card_replaced_during_connect_gets_no_command) {
    fake::reset_everything();
    const auto first = std::make_shared<model::CardModel>(model::TestPki::shared()),
               second = std::make_shared<model::CardModel>(model::TestPki::shared());
    fake::add_reader(reader, first);
    fake::on_call([&, swapped = false](fake::Function function) mutable {
        if (function == fake::Function::connect && !std::exchange(swapped, true)) fake::swap_card(reader, second);
    });
    Log log;
    BOOST_CHECK_THROW(PcscLink(log, reader, std::chrono::milliseconds(1000)), CardRemoved);
    fake::on_call({});
    BOOST_CHECK_EQUAL(second->counts().commands, 0u);
    BOOST_CHECK(fake::open_now() == fake::Open{});
}

BOOST_AUTO_TEST_SUITE_END()
