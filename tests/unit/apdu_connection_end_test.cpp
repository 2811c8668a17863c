// The end of a connection: after a fault, a removal that another thread or a poll noticed, and for other programs.
#include "connection_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <future>

using namespace apdu_test;
using namespace std::chrono_literals;

namespace {

void hold(Connection& connection, std::function<bool()> holder) {
    connection.run([&](Connection::Exchange& exchange) { exchange.hold(std::move(holder)); });
}

bool held_for_another(Connection& connection) {
    return connection.locked([&] {
        connection.assert_turn();
        return connection.held_for_another();
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(connection_end)

BOOST_AUTO_TEST_CASE(connection_that_is_given_up_is_disconnected_and_holds_no_transaction) {
    Scripted on({"9000"});
    OtherApplication support(on.connection, support_aid);
    hold(on.connection, [] { return false; });
    BOOST_REQUIRE(on.connection.held() && held_for_another(on.connection));
    support.open = true;
    BOOST_REQUIRE_EQUAL(on.link->ended + on.link->let_gone, 0);
    on.connection.run([&](Connection::Exchange& exchange) { exchange.give_up(Presence::connection_lost); });
    BOOST_CHECK_EQUAL(on.link->begun, 1);
    BOOST_CHECK_EQUAL(on.link->ended, 1);
    BOOST_CHECK_GE(on.link->let_gone, 1);
    BOOST_CHECK(!support.open);
    BOOST_CHECK(!on.connection.held());
    BOOST_CHECK(!held_for_another(on.connection));
}

BOOST_AUTO_TEST_CASE(connection_is_disconnected_after_a_fault_of_the_transport_and_a_removal) {
    Scripted lost({"9000"}), removed({"9000"}), fault({"9000"});
    BOOST_CHECK_THROW(lost.connection.run([](Connection::Exchange&) { throw TransportFault("no answer"); }), TransportFault);
    BOOST_CHECK_GE(lost.link->let_gone, 1);
    BOOST_CHECK_THROW(removed.connection.run([](Connection::Exchange&) { throw CardRemoved("card removed"); }), CardRemoved);
    BOOST_CHECK_GE(removed.link->let_gone, 1);
    // A wrong answer of the card is no reason.
    BOOST_CHECK_THROW(fault.connection.run([](Connection::Exchange&) { throw CardFault("odd answer"); }), CardFault);
    BOOST_CHECK_EQUAL(fault.link->let_gone, 0);
}

BOOST_AUTO_TEST_CASE(connection_is_kept_while_a_transaction_is_held_or_a_login_may_be_open) {
    Scripted on({"9000"});
    OtherApplication support(on.connection, support_aid);
    support.open = true;
    on.connection.let_go();
    BOOST_CHECK_EQUAL(on.link->let_gone, 0);
    support.open = false;
    hold(on.connection, [] { return true; });
    on.connection.let_go();
    BOOST_CHECK_EQUAL(on.link->let_gone, 0);
    on.connection.run([](Connection::Exchange& exchange) { exchange.end_hold(); });
    on.connection.let_go();
    BOOST_CHECK_EQUAL(on.link->let_gone, 1);
    BOOST_CHECK(!on.connection.gone());
}

// pcscd keeps the transaction of a removed card: programs that connect to the next card would wait for its end.
BOOST_AUTO_TEST_CASE(removal_that_a_poll_noticed_ends_a_held_transaction_and_the_connection) {
    Scripted on({"9000"});
    OtherApplication support(on.connection, support_aid);
    hold(on.connection, [] { return true; });
    support.open = true;
    on.connection.set_gone(Presence::removed);
    BOOST_CHECK(!on.connection.held());
    BOOST_REQUIRE_EQUAL(on.link->ended + on.link->let_gone, 0);
    on.connection.let_go();
    BOOST_CHECK_EQUAL(on.link->ended, 1);
    BOOST_CHECK_GE(on.link->let_gone, 1);
    BOOST_CHECK(!support.open);
    BOOST_CHECK(on.connection.presence() == Presence::removed);
}

// The poll's let_go() had no turn.
BOOST_AUTO_TEST_CASE(check_ends_the_connection_of_a_card_that_is_gone) {
    Scripted on({"9000"});
    on.connection.set_gone(Presence::removed);
    on.connection.check();
    BOOST_CHECK_GE(on.link->let_gone, 1);
    BOOST_CHECK_EQUAL(on.link->asked_alive, 0);
}

// PC/SC can be wrong about a removal, and the login of the consent would stay open.
BOOST_AUTO_TEST_CASE(end_of_a_held_transaction_powers_off_a_card_that_is_said_to_be_gone) {
    Scripted on({"9000"});
    hold(on.connection, [] { return true; });
    on.link->is_alive = false;
    on.connection.check();
    BOOST_CHECK_EQUAL(on.link->ended, 1);
    BOOST_CHECK_EQUAL(on.link->powered_off, 1);
}

// The same for a login, with any fault that ends the connection, in a transaction and without one.
BOOST_AUTO_TEST_CASE(end_of_connection_powers_off_card_at_which_login_may_be_open) {
    for (const bool open : {true, false}) {
        const auto scripted = [&](auto&& run) {
            Scripted on({"9000"});
            OtherApplication support(on.connection, support_aid);
            support.open = open;
            run(on);
            BOOST_CHECK(on.connection.gone());
            return std::pair{on.link->powered_off, on.link->powered_off_outside > 0};
        };
        const auto throwing = [&](const auto& fault) {
            return scripted([&](Scripted& on) {
                using Fault = std::decay_t<decltype(fault)>;
                BOOST_CHECK_THROW(on.connection.run([&](Connection::Exchange&) { throw fault; }), Fault);
            });
        };
        BOOST_CHECK_EQUAL(throwing(CardRemoved("removed")).first, open ? 1 : 0);
        BOOST_CHECK_EQUAL(throwing(TransportFault("no answer")).first, open ? 1 : 0);
        BOOST_CHECK_EQUAL(scripted([](Scripted& on) {
                              on.link->is_alive = false;
                              on.connection.check();
                          }).second,
                          open);
        // Another thread found the card removed, which may be wrong.
        const auto found_removed = scripted(
            [](Scripted& on) { on.connection.run([&](Connection::Exchange&) { on.connection.set_gone(Presence::removed); }); });
        BOOST_CHECK_EQUAL(found_removed.second, open);
    }
}

BOOST_AUTO_TEST_CASE(removal_that_another_thread_noticed_as_operation_ended_ends_connection) {
    const auto let_gone = [](auto&& operate) {
        Scripted on({"9000"});
        OtherApplication support(on.connection, support_aid);
        // After the operation has looked whether the card is gone.
        support.when_ended = [&] {
            on.connection.set_gone(Presence::removed);
            on.connection.let_go();
        };
        operate(on.connection);
        return on.link->let_gone;
    };
    BOOST_CHECK_GE(let_gone([](Connection& connection) { connection.run([](Connection::Exchange&) {}); }), 1);
    BOOST_CHECK_GE(let_gone([](Connection& connection) { connection.locked([] {}); }), 1);
}

BOOST_AUTO_TEST_CASE(removal_that_a_poll_noticed_during_an_operation_ends_the_connection_after_it) {
    Scripted on({"9000", "010203049000"});
    OtherApplication support(on.connection, support_aid);
    on.link->before_answer = [&] {
        on.connection.set_gone(Presence::removed);
        on.connection.let_go();
        BOOST_CHECK_EQUAL(on.link->let_gone, 0);
    };
    BOOST_CHECK(support.read() == hex("01020304"));
    BOOST_CHECK_EQUAL(on.link->ended, 1);
    BOOST_CHECK_GE(on.link->let_gone, 1);
    BOOST_CHECK_GE(support.status_ended, 1);
}

BOOST_AUTO_TEST_CASE(check_ends_a_connection_that_is_lost_and_no_other) {
    Scripted on({"9000"});
    OtherApplication support(on.connection, support_aid);
    support.open = true;
    on.connection.check();
    BOOST_CHECK(!on.connection.gone() && support.open);
    BOOST_CHECK_EQUAL(on.link->let_gone, 0);
    on.link->is_alive = false;
    on.connection.check();
    BOOST_CHECK(on.connection.presence() == Presence::removed);
    BOOST_CHECK(!support.open);
    BOOST_CHECK_EQUAL(on.link->let_gone, 1);
    // Nothing is left to ask PC/SC.
    const int asked = on.link->asked_alive;
    on.connection.check();
    BOOST_CHECK_EQUAL(on.link->asked_alive, asked);
}

BOOST_AUTO_TEST_CASE(nothing_runs_on_a_connection_that_is_gone) {
    Scripted on({"9000"});
    OtherApplication support(on.connection, support_aid);
    on.connection.set_gone(Presence::removed);
    bool called = false;
    BOOST_CHECK_THROW(on.connection.operate([&] { called = true; }), CardRemoved);
    BOOST_CHECK_THROW(on.connection.run([&](Connection::Exchange&) { called = true; }), CardRemoved);
    BOOST_CHECK(!called);
    BOOST_CHECK_EQUAL(support.prepared, 0);
    BOOST_CHECK_EQUAL(on.link->begun, 0);
}

BOOST_AUTO_TEST_CASE(transaction_is_held_for_its_holder_and_since_it_was_held) {
    Scripted on({"9000"});
    bool holder = true;
    hold(on.connection, [&] { return holder; });
    BOOST_CHECK(!held_for_another(on.connection));
    holder = false;
    BOOST_CHECK(held_for_another(on.connection));
    on.connection.locked([&] {
        on.connection.assert_turn();
        BOOST_CHECK(on.connection.held_for(0ms));
        BOOST_CHECK(!on.connection.held_for(1h));
    });
}

BOOST_AUTO_TEST_CASE(selection_is_not_certain_after_a_fault_of_the_card_in_a_held_transaction) {
    Scripted on({"9000", "010203049000"});
    OtherApplication support(on.connection, support_aid);
    support.read();
    hold(on.connection, [] { return true; });
    on.connection.run([&](Connection::Exchange& exchange) { exchange.confirm(support); });
    on.connection.run([&](Connection::Exchange& exchange) { BOOST_CHECK(exchange.certain(support)); });
    BOOST_CHECK_THROW(on.connection.run([](Connection::Exchange&) { throw CardFault("odd answer"); }), CardFault);
    BOOST_REQUIRE_EQUAL(on.link->begun, 2);
    on.connection.run([&](Connection::Exchange& exchange) { BOOST_CHECK(!exchange.certain(support)); });
}

BOOST_AUTO_TEST_CASE(what_is_only_done_between_operations_does_not_wait_for_one) {
    Scripted on({"9000"});
    std::future<bool> second;
    on.connection.run([&](Connection::Exchange&) {
        second = std::async(std::launch::async, [&] { return on.connection.if_free([] {}); });
        BOOST_CHECK(second.wait_for(20s) == std::future_status::ready);
    });
    BOOST_CHECK(!second.get());
}

BOOST_AUTO_TEST_CASE(applications_are_notified_after_work_outside_of_operations_too) {
    Scripted on({"9000"});
    OtherApplication support(on.connection, support_aid);
    BOOST_CHECK_EQUAL(on.connection.locked([] { return 7; }), 7);
    BOOST_CHECK_EQUAL(support.operations, 1);
}

BOOST_AUTO_TEST_SUITE_END()
