// Resets and removals at the beginning and the end of a transaction of the PC/SC link, and the end of its connection.
#include "apdu/errors.hpp"
#include "apdu/facts.hpp"
#include "apdu/iso7816.hpp"

#include "on_reader.hpp"
#include "tests/module/test_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <utility>
#include <vector>

using namespace apdu_test;

BOOST_AUTO_TEST_SUITE(pcsc_link_end)

// pcscd reports a reset once.
BOOST_AUTO_TEST_CASE(reset_is_reported_although_the_transaction_that_noticed_it_was_not_begun) {
    const test_clock::SleepsTakeNoTime no_time;
    for (const LONG reported : {SCARD_W_RESET_CARD, SCARD_W_UNPOWERED_CARD}) {
        OnReader on;
        fake::fail(fake::Function::begin_transaction, reported);
        bool reconnected = false;
        fake::on_call([&](fake::Function function) {
            if (function == fake::Function::reconnect) reconnected = true;
            if (function == fake::Function::get_attrib && std::exchange(reconnected, false))
                fake::other_begins_transaction(reader);
        });
        BOOST_CHECK_THROW(const Link::Transaction transaction(*on.link), CardBusy);
        fake::on_call({});
        fake::other_ends_transaction(reader);
        {
            const Link::Transaction transaction(*on.link);
            BOOST_CHECK(transaction.was_reset());
            BOOST_CHECK_EQUAL(transaction.lost_power(), reported == SCARD_W_UNPOWERED_CARD);
        }
        const Link::Transaction transaction(*on.link);
        BOOST_CHECK(!transaction.was_reset());
        BOOST_CHECK(!transaction.lost_power());
    }
}

BOOST_AUTO_TEST_CASE(reset_after_a_loss_of_power_is_not_a_loss_of_power) {
    OnReader on;
    fake::fail(fake::Function::begin_transaction, SCARD_W_UNPOWERED_CARD);
    {
        const Link::Transaction transaction(*on.link);
        BOOST_REQUIRE(transaction.lost_power());
    }
    BOOST_REQUIRE(fake::other_resets(reader));
    const Link::Transaction transaction(*on.link);
    BOOST_CHECK(transaction.was_reset());
    BOOST_CHECK(!transaction.lost_power());
}

BOOST_AUTO_TEST_CASE(reset_that_the_end_of_a_transaction_reports_is_not_the_loss_of_power_before_it) {
    OnReader on;
    fake::fail(fake::Function::begin_transaction, SCARD_W_UNPOWERED_CARD);
    fake::fail(fake::Function::end_transaction, SCARD_W_RESET_CARD);
    {
        const Link::Transaction transaction(*on.link);
        BOOST_REQUIRE(transaction.lost_power());
    }
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    const Link::Transaction transaction(*on.link);
    BOOST_CHECK(transaction.was_reset());
    BOOST_CHECK(!transaction.lost_power());
}

// pcscd does not end the transaction of a handle whose card was removed, and has it for the next card, too.
BOOST_AUTO_TEST_CASE(transaction_whose_card_is_removed_does_not_keep_others_from_the_next_card) {
    for (const bool reset : {false, true}) {
        OnReader on;
        const auto next = std::make_shared<model::CardModel>(model::TestPki::shared());
        {
            const Link::Transaction transaction(*on.link);
            fake::remove_card(reader);
            // A reset came first: the removal shows at the reconnect.
            if (reset) fake::fail(fake::Function::end_transaction, SCARD_W_RESET_CARD);
        }
        BOOST_CHECK(fake::open_now() == fake::Open{});
        fake::insert_card(reader, next);
        BOOST_CHECK(fake::other_begins_transaction(reader));
        fake::other_ends_transaction(reader);
        BOOST_CHECK(!on.link->alive());
        BOOST_CHECK_THROW(const Link::Transaction transaction(*on.link), CardRemoved);
    }
}

BOOST_AUTO_TEST_CASE(reader_replugged_during_a_transaction_is_not_used_after_it) {
    OnReader on;
    const auto next = std::make_shared<model::CardModel>(model::TestPki::shared(1));
    const auto events = fake::events(reader);
    {
        const Link::Transaction transaction(*on.link);
        fake::remove_reader(reader);
        fake::add_reader(reader, next);
    }
    BOOST_REQUIRE_EQUAL(fake::events(reader), events);
    BOOST_CHECK(!on.link->alive());
    BOOST_CHECK_THROW(const Link::Transaction transaction(*on.link), CardRemoved);
    BOOST_CHECK(fake::open_now() == fake::Open{});
}

BOOST_AUTO_TEST_CASE(transaction_that_resets_keep_from_ending_ends_with_the_connection) {
    const std::vector<std::pair<std::size_t, LONG>> resets_and_reconnect = {
        {2, SCARD_S_SUCCESS}, {4, SCARD_S_SUCCESS}, {1, SCARD_W_UNRESPONSIVE_CARD}};
    for (const auto& [resets, reconnect] : resets_and_reconnect) {
        OnReader on;
        {
            const Link::Transaction transaction(*on.link);
            fake::fail(fake::Function::end_transaction, SCARD_W_RESET_CARD, resets);
            if (reconnect != SCARD_S_SUCCESS) fake::fail(fake::Function::reconnect, reconnect);
        }
        BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
        const bool ended = resets == 2;
        BOOST_CHECK_EQUAL(on.link->alive(), ended);
        BOOST_CHECK_EQUAL(fake::open_now().handles, ended ? 1u : 0u);
    }
}

// After a swap and another program's reset of the next card its event is the reset.
BOOST_AUTO_TEST_CASE(end_of_a_transaction_does_not_power_off_the_next_card) {
    OnReader on;
    {
        Link::Transaction transaction(*on.link);
        transaction.power_off_at_end();
        fake::swap_card(reader, std::make_shared<model::CardModel>(model::TestPki::shared(1)));
        fake::fail(fake::Function::end_transaction, SCARD_W_RESET_CARD);
        fake::reset_calls();
    }
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::reconnect), 0u);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::end_transaction), 1u);
    BOOST_CHECK(!on.link->alive());
    BOOST_CHECK(fake::open_now() == fake::Open{});
}

BOOST_AUTO_TEST_CASE(command_after_a_forgotten_protocol_is_not_sent_to_the_next_card) {
    OnReader on;
    BOOST_REQUIRE(fake::other_resets(reader));
    Link::Transaction transaction(*on.link);
    BOOST_REQUIRE(transaction.was_reset());
    fake::swap_card(reader, std::make_shared<model::CardModel>(model::TestPki::shared(1)));
    fake::fail(fake::Function::transmit, SCARD_E_PROTO_MISMATCH);
    fake::reset_calls();
    BOOST_CHECK_THROW(transaction.transmit(iso7816::select_application(jpki_aid)), CardRemoved);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::transmit), 1u);
}

// The card lost what the commands before it did.
BOOST_AUTO_TEST_CASE(later_command_of_a_transaction_is_not_repeated_after_a_forgotten_protocol) {
    OnReader on;
    on.link->card_recognised();
    BOOST_REQUIRE(fake::other_resets(reader));
    {
        Link::Transaction transaction(*on.link);
        BOOST_REQUIRE(transaction.was_reset());
        transaction.transmit(iso7816::select_application(jpki_aid));
        fake::fail(fake::Function::transmit, SCARD_E_PROTO_MISMATCH);
        fake::reset_calls();
        BOOST_CHECK_THROW(transaction.transmit(iso7816::select_application(jpki_aid)), CardReset);
        BOOST_CHECK_EQUAL(fake::calls(fake::Function::transmit), 1u);
    }
    const Link::Transaction next(*on.link);
    BOOST_CHECK(next.was_reset());
}

// As after the destructor of libpcsclite 2, at the end of the process.
BOOST_AUTO_TEST_CASE(context_is_not_released_by_a_libpcsclite_that_knows_no_connection) {
    OnReader on;
    fake::fail(fake::Function::disconnect, SCARD_E_INVALID_HANDLE);
    fake::reset_calls();
    on.link->let_go();
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::disconnect), 1u);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::release_context), 0u);
}

BOOST_AUTO_TEST_SUITE_END()
