// The end of a login at the end of the process: no wait without a bound, and a true answer.
#include "apdu/errors.hpp"

#include "card_on_model.hpp"
#include "tests/fake_pcsc/gate.hpp"

#include <atomic>
#include <thread>

using namespace jpki;
using namespace std::chrono_literals;
using apdu_test::OnModel;
namespace model = jpki::model;
namespace fake = jpki::fake;

namespace {

constexpr auto authentication = KeyUse::authentication;
constexpr auto* why = "cannot end the login at the card: ";

// The answer to another thread, which does not wait, during an operation of this one.
bool reset_during_an_operation(OnModel& on) {
    bool ended = false;
    on.card.exclusively([&] { std::thread([&] { ended = on.card.reset_security_status_by(CardClock::now()); }).join(); });
    return ended;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(card_exit)

BOOST_AUTO_TEST_CASE(card_without_a_login_is_not_waited_for) {
    OnModel on;
    BOOST_CHECK(reset_during_an_operation(on));
    BOOST_CHECK_EQUAL(on.lines_with(why), 0u);
    BOOST_CHECK_EQUAL(on.sent(), "");
}

BOOST_AUTO_TEST_CASE(login_that_another_thread_keeps_open_is_reported_and_logged) {
    OnModel on;
    on.log_in(authentication);
    BOOST_CHECK(!reset_during_an_operation(on));
    BOOST_CHECK_EQUAL(on.lines_with("cannot end the login at the card: another thread is using it"), 1u);
    BOOST_CHECK(on.card.may_be_open());
}

BOOST_AUTO_TEST_CASE(login_that_another_thread_ends_meanwhile_is_not_ended_again) {
    OnModel on;
    on.log_in(authentication);
    on.sent();
    std::thread waiting;
    std::atomic<bool> ended = false;
    on.link->instead = [&](const std::string&) -> std::optional<apdu_test::Bytes> {
        if (waiting.joinable()) return std::nullopt;
        waiting = fake::start_until_it_sleeps([&] { ended = on.card.reset_security_status_by(CardClock::now() + 60s); });
        return std::nullopt;
    };
    on.card.reset_security_status();
    waiting.join();
    BOOST_CHECK(ended);
    BOOST_CHECK_EQUAL(on.sent(), "isd");
}

BOOST_AUTO_TEST_CASE(card_that_is_found_removed_has_no_login_left) {
    OnModel on;
    on.log_in(authentication);
    on.fail<CardRemoved>("isd");
    BOOST_CHECK(on.card.reset_security_status_by(CardClock::now()));
    BOOST_CHECK(on.card.presence() == Presence::removed);
    BOOST_CHECK_EQUAL(on.lines_with(why), 0u);
    BOOST_CHECK(on.link->patience == std::chrono::milliseconds(0));
}

BOOST_AUTO_TEST_CASE(connection_to_card_found_removed_ends_and_user_of_it_is_not_waited_for) {
    OnModel on, used;
    on.log_in(authentication);
    on.card.set_gone();
    BOOST_CHECK(on.card.reset_security_status_by(CardClock::now()));
    BOOST_CHECK(!on.card.may_be_open());

    used.log_in(authentication);
    const auto began = CardClock::now();
    bool ended = false;
    const auto exchange = [&] {
        used.card.set_gone();
        std::thread([&] { ended = used.card.reset_security_status_by(CardClock::now() + 20s); }).join();
    };
    used.card.exclusively(exchange);
    BOOST_CHECK(ended);
    BOOST_CHECK(CardClock::now() - began < 10s);
    BOOST_CHECK_EQUAL(on.lines_with(why) + used.lines_with(why), 0u);
}

BOOST_AUTO_TEST_CASE(login_that_cannot_be_ended_is_reported_and_logged) {
    OnModel failing;
    failing.log_in(authentication);
    failing.fail<TransportFault>("isd");
    BOOST_CHECK(!failing.card.reset_security_status_by(CardClock::now()));
    BOOST_CHECK_EQUAL(failing.lines_with("cannot end the login at the card: fault of the test"), 1u);
    BOOST_CHECK_EQUAL(failing.link->powered_off, 1);  // all that is left to do
    OnModel busy;
    busy.log_in(authentication);
    busy.link->before_begin = [] { throw CardBusy("another program"); };
    BOOST_CHECK(!busy.card.reset_security_status_by(CardClock::now()));
    BOOST_CHECK_EQUAL(busy.lines_with("cannot end the login at the card: another program"), 1u);
    BOOST_CHECK(busy.chip->verified(model::KeyUse::authentication));
}

BOOST_AUTO_TEST_SUITE_END()
