// A PIN is sent to a card once, unless it is certain that the first command reached no PIN; and never to a replaced card.
#include "apdu/applet.hpp"
#include "apdu/errors.hpp"
#include "apdu/pcsc_link.hpp"

#include "card_model.hpp"
#include "scripted_link.hpp"
#include "test_pki.hpp"
#include "tests/fake_pcsc/fake_pcsc.hpp"

#include <boost/test/unit_test.hpp>

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

Sent verify(std::initializer_list<std::string_view> answers) {
    ScriptedLink link(answers);
    Link::Transaction transaction(link);
    CommandProfile profile;
    Secret pin;
    const std::uint8_t digits[] = {'1', '2', '3', '4'};
    BOOST_REQUIRE(take_pin(KeyUse::authentication, digits, pin) == PinShape::good);
    Sent sent{Applet(transaction, profile).verify(KeyUse::authentication, pin), 0};
    for (const Bytes& command : link.commands) sent.pins += command.size() > 5 && command[1] == 0x20;
    return sent;
}

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
    for (const std::string_view odd : {"6F00", "6300", "6581", "6982", "9100"}) {
        ScriptedLink link{odd, "63C3"};
        Link::Transaction transaction(link);
        CommandProfile profile;
        Secret pin;
        const std::uint8_t digits[] = {'1', '2', '3', '4'};
        BOOST_REQUIRE(take_pin(KeyUse::authentication, digits, pin) == PinShape::good);
        BOOST_CHECK_THROW(Applet(transaction, profile).verify(KeyUse::authentication, pin), CardFault);
        BOOST_CHECK_EQUAL(link.commands.size(), 1u);
    }
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
