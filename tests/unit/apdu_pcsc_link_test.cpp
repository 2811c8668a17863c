// The PC/SC link and a connection in its own thread, with readers and a pcscd in a state that is rare.
#include "apdu/applet.hpp"
#include "apdu/errors.hpp"
#include "apdu/pcsc_codes.hpp"
#include "apdu/pcsc_connecting.hpp"
#include "apdu/pcsc_link.hpp"
#include "apdu/pinpad.hpp"

#include "on_reader.hpp"
#include "tests/fake_pcsc/gate.hpp"
#include "tests/module/test_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <pthread.h>
#include <reader.h>
#include <string>
#include <thread>
#include <utility>

using namespace apdu_test;

namespace {

// A connection that pcscd delays until `gate` opens, and that nobody waits for any more by then.
struct Abandoned {
    fake::Gate gate;
    std::optional<PcscConnecting> connecting;

    Abandoned() {
        fake::reset_everything();
        fake::add_reader(reader, std::make_shared<model::CardModel>(model::TestPki::shared()));
        fake::on_call([this](fake::Function function) {
            if (function == fake::Function::connect) gate.wait_here();
        });
        connecting.emplace(reader);
        gate.until_somebody_waits();
    }
    ~Abandoned() { fake::reset_everything(); }
    Abandoned(const Abandoned&) = delete;
    Abandoned& operator=(const Abandoned&) = delete;

    // Lets the connection come, and waits until its context has ended.
    void come() {
        gate.open();
        while (fake::open_now().contexts != 0) std::this_thread::yield();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pcsc_link)

BOOST_AUTO_TEST_CASE(card_that_pcscd_reports_without_power_was_reset_and_has_lost_its_power) {
    BOOST_CHECK(means_reset(SCARD_W_RESET_CARD) && means_reset(SCARD_W_UNPOWERED_CARD));
    BOOST_CHECK(!means_reset(SCARD_W_REMOVED_CARD) && !means_reset(SCARD_W_UNRESPONSIVE_CARD));
    OnReader on;
    fake::fail(fake::Function::begin_transaction, SCARD_W_UNPOWERED_CARD);
    const Link::Transaction transaction(*on.link);
    BOOST_CHECK(transaction.was_reset());
}

BOOST_AUTO_TEST_CASE(card_with_the_protocol_t0_only_is_sent_commands_with_its_header) {
    model::Knobs knobs;
    knobs.atr = {0x3B, 0x00};
    OnReader on(knobs);
    Link::Transaction transaction(*on.link);
    CommandProfile profile;
    BOOST_CHECK(Applet(transaction, profile).select(true));
}

BOOST_AUTO_TEST_CASE(removed_card_is_reported_at_once_although_another_program_was_met_just_before) {
    const test_clock::SleepsTakeNoTime no_time;
    OnReader on;
    BOOST_REQUIRE(fake::other_begins_transaction(reader));
    BOOST_CHECK_THROW(const Link::Transaction transaction(*on.link), CardBusy);
    fake::other_ends_transaction(reader);
    fake::remove_card(reader);
    fake::reset_calls();
    BOOST_CHECK_THROW(const Link::Transaction transaction(*on.link), CardRemoved);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::get_attrib), 1u);
}

BOOST_AUTO_TEST_CASE(answer_of_a_reader_that_claims_to_be_longer_than_the_buffer_is_none) {
    OnReader on;
    fake::give_pad(reader, {});
    std::array<std::uint8_t, 12> answer{};  // two features
    LONG rc = SCARD_F_INTERNAL_ERROR;
    BOOST_CHECK_EQUAL(on.link->control(CM_IOCTL_GET_FEATURE_REQUEST, {}, answer, rc), answer.size());
    fake::overstate_control(1);
    BOOST_CHECK_EQUAL(on.link->control(CM_IOCTL_GET_FEATURE_REQUEST, {}, answer, rc), 0u);
    BOOST_CHECK_EQUAL(rc, SCARD_S_SUCCESS);
}

// --- PIN pads --------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(pin_pad_whose_list_of_features_ends_within_one_does_not_have_that_feature) {
    OnReader on;
    fake::PinPad features;
    fake::give_pad(reader, features);
    BOOST_REQUIRE(PinPad::find(*on.link));
    BOOST_CHECK(PinPad::find(*on.link)->can_change());
    for (const std::size_t missing : {1u, 4u, 5u}) {
        features.features_cut = missing;
        fake::give_pad(reader, features);
        const auto pad = PinPad::find(*on.link);
        BOOST_REQUIRE(pad);
        BOOST_CHECK(!pad->can_change());
    }
    features.features_cut = 7;  // within the first of two
    fake::give_pad(reader, features);
    BOOST_CHECK(!PinPad::find(*on.link));
}

BOOST_AUTO_TEST_CASE(no_entry_is_requested_for_a_pin_that_a_card_without_short_forms_does_not_have) {
    model::Knobs knobs;
    knobs.short_forms = false;
    knobs.has_signature = false;
    OnReader on(knobs);
    fake::give_pad(reader, {});
    const auto pad = PinPad::find(*on.link);
    BOOST_REQUIRE(pad);
    Link::Transaction transaction(*on.link);
    CommandProfile profile;
    Applet applet(transaction, profile);
    BOOST_REQUIRE(applet.select(true));
    BOOST_REQUIRE(applet.tries(KeyUse::authentication));
    BOOST_REQUIRE(profile.form == CommandProfile::Form::select_ef);
    fake::user_will(reader, fake::PinEntry::typed("123456"));
    BOOST_CHECK(PadPin(*pad).verify(applet, KeyUse::signature).kind == PinAnswer::Kind::absent);
    BOOST_CHECK(fake::pad_requests(reader).empty());
}

// --- a connection in its own thread ----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(thread_that_connects_leaves_all_signals_to_the_threads_of_the_host) {
    fake::reset_everything();
    fake::add_reader(reader, std::make_shared<model::CardModel>(model::TestPki::shared()));
    sigset_t mask;
    sigemptyset(&mask);
    fake::on_call([&](fake::Function function) {
        if (function == fake::Function::connect) pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    });
    PcscConnecting connecting(reader);
    BOOST_REQUIRE(connecting.wait_until(CardClock::now() + 60s));
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM, SIGPIPE})
        BOOST_CHECK_EQUAL(sigismember(&mask, signal), 1);
    sigset_t own;
    pthread_sigmask(SIG_SETMASK, nullptr, &own);
    BOOST_CHECK_EQUAL(sigismember(&own, SIGUSR1), 0);
    fake::on_call({});
}

BOOST_AUTO_TEST_CASE(connection_that_comes_after_its_wait_is_disconnected_and_not_used) {
    Abandoned late;
    BOOST_REQUIRE(!late.connecting->stop_waiting());
    late.come();
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::disconnect), 1u);
    BOOST_CHECK(fake::open_now() == fake::Open{});
    BOOST_REQUIRE(late.connecting->wait_until(CardClock::now() + 60s));
    BOOST_CHECK_EQUAL(late.connecting->take().rc, SCARD_E_TIMEOUT);
}

// As after the destructor of libpcsclite 2, at the end of the process.
BOOST_AUTO_TEST_CASE(context_of_late_connection_is_not_released_by_a_libpcsclite_that_knows_no_connection) {
    Abandoned late;
    BOOST_REQUIRE(!late.connecting->stop_waiting());
    fake::fail(fake::Function::disconnect, SCARD_E_INVALID_HANDLE);
    late.gate.open();
    while (fake::calls(fake::Function::disconnect) == 0) std::this_thread::yield();
    BOOST_REQUIRE(late.connecting->wait_until(CardClock::now() + 60s));  // the end of the connection
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::release_context), 0u);
}

BOOST_AUTO_TEST_CASE(connection_that_came_and_is_not_taken_is_disconnected) {
    fake::reset_everything();
    fake::add_reader(reader, std::make_shared<model::CardModel>(model::TestPki::shared()));
    {
        PcscConnecting connecting(reader);
        BOOST_REQUIRE(connecting.wait_until(CardClock::now() + 60s));
        BOOST_CHECK_EQUAL(fake::open_now().handles, 1u);
    }
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::disconnect), 1u);
    BOOST_CHECK(fake::open_now() == fake::Open{});
}

BOOST_AUTO_TEST_SUITE_END()
