// The cards of a process that ends: every login is ended at its card, whatever becomes of the other cards.
#include "module/open_cards.hpp"

#include "apdu/card_clock.hpp"
#include "apdu/errors.hpp"
#include "tests/unit/scripted_link.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <optional>

using namespace jpki;

namespace {

// A card that answers 9000 to every command, with a login, in the list of open cards.
struct LoggedIn {
    explicit LoggedIn(OpenCards& cards) : link(new apdu_test::ScriptedLink{"9000"}), card(std::unique_ptr<Link>(link), log) {
        entry.emplace(cards, card);
        Secret pin;
        const Bytes digits = {'1', '2', '3', '4'};
        BOOST_REQUIRE(take_pin(KeyUse::authentication, digits, pin) == PinShape::good);
        TypedPin typed(pin);
        BOOST_REQUIRE(card.verify(KeyUse::authentication, typed, LastTry::spend).kind == PinAnswer::Kind::accepted);
        BOOST_REQUIRE(card.may_be_open());
        link->commands.clear();
    }
    Log log;
    apdu_test::ScriptedLink* link;  // the card's
    Card card;
    std::optional<OpenCards::Entry> entry;

    bool left() const {
        return link->commands == std::vector<Bytes>{apdu_test::hex("00A4040C07A0000001510000")} && !card.may_be_open();
    }
};

CardClock::time_point soon() { return CardClock::now() + std::chrono::seconds(20); }

}  // namespace

BOOST_AUTO_TEST_SUITE(open_cards)

BOOST_AUTO_TEST_CASE(every_login_is_ended_at_its_card) {
    OpenCards cards;
    BOOST_CHECK(cards.reset_security_status_of_all(soon()));
    LoggedIn first(cards), second(cards), third(cards);
    BOOST_CHECK(cards.reset_security_status_of_all(soon()));
    for (const LoggedIn* one : {&first, &second, &third}) BOOST_CHECK(one->left());
}

BOOST_AUTO_TEST_CASE(card_that_fails_is_reported_and_keeps_no_other_card_open) {
    for (int failing = 0; failing < 3; ++failing) {
        OpenCards cards;
        LoggedIn first(cards), second(cards), third(cards);
        const std::array<LoggedIn*, 3> all = {&first, &second, &third};
        all[static_cast<std::size_t>(failing)]->link->before_answer = [] { throw TransportFault("no answer"); };
        BOOST_CHECK(!cards.reset_security_status_of_all(soon()));
        for (int i = 0; i < 3; ++i)
            if (i != failing) BOOST_CHECK(all[static_cast<std::size_t>(i)]->left());
    }
}

BOOST_AUTO_TEST_CASE(card_removed_from_list_gets_no_command) {
    for (int removed = 0; removed < 3; ++removed) {
        OpenCards cards;
        LoggedIn first(cards), second(cards), third(cards);
        const std::array<LoggedIn*, 3> all = {&first, &second, &third};
        all[static_cast<std::size_t>(removed)]->entry.reset();
        BOOST_CHECK(cards.reset_security_status_of_all(soon()));
        for (int i = 0; i < 3; ++i) {
            const LoggedIn& one = *all[static_cast<std::size_t>(i)];
            BOOST_CHECK(i == removed ? one.link->commands.empty() : one.left());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
