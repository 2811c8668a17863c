// A connection is for any application: one of another AID runs on it without the JPKI classes, and next to them.
#include "apdu/card.hpp"
#include "apdu/pcsc_link.hpp"
#include "connection_fixture.hpp"

#include "card_model.hpp"
#include "test_pki.hpp"
#include "tests/fake_pcsc/fake_pcsc.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <string>

using namespace jpki;
namespace model = jpki::model;
namespace fake = jpki::fake;
using namespace apdu_test;

namespace {

// The card model in a reader, with the JPKI application on a connection that it shares.
struct Shared {
    Shared() {
        fake::reset_everything();
        fake::add_reader(reader, chip);
        connection = std::make_shared<Connection>(std::make_unique<PcscLink>(log, reader, std::chrono::milliseconds(1000)), log);
        card.emplace(connection, log);
        other.emplace(*connection, issuer_aid);
    }
    const std::string reader = "Fake Reader 00 00";
    std::shared_ptr<model::CardModel> chip = std::make_shared<model::CardModel>(model::TestPki::shared(), model::Knobs{});
    Log log;
    std::shared_ptr<Connection> connection;
    std::optional<Card> card;
    std::optional<OtherApplication> other;
};

}  // namespace

BOOST_AUTO_TEST_CASE(application_of_another_aid_runs_over_the_connection) {
    Scripted on({"9000", "010203049000", "9000", "050607089000"});
    OtherApplication support(on.connection, support_aid);
    BOOST_CHECK(support.read() == hex("01020304"));
    BOOST_REQUIRE_EQUAL(on.link->commands.size(), 2u);
    BOOST_CHECK(on.link->commands[0] == hex("00A4040C0AD3921000310001010408"));
    BOOST_CHECK(on.link->commands[1] == hex("00B0810004"));
    BOOST_CHECK_EQUAL(on.link->begun, 1);
    BOOST_CHECK_EQUAL(on.link->ended, 1);
    // What is selected is certain within one transaction only.
    BOOST_CHECK(support.read() == hex("05060708"));
    BOOST_CHECK_EQUAL(on.link->commands.size(), 4u);
    BOOST_CHECK_EQUAL(support.prepared, 2);
    BOOST_CHECK_EQUAL(support.operations, 2);
}

BOOST_AUTO_TEST_CASE(fault_of_the_card_keeps_the_connection_and_fault_of_the_transport_ends_it) {
    Scripted on({"6A82", "9000", "010203049000", "9000", ""});
    OtherApplication support(on.connection, support_aid);
    BOOST_CHECK_THROW(support.read(), CardFault);
    BOOST_CHECK(!on.connection.gone());
    BOOST_CHECK(support.read() == hex("01020304"));
    BOOST_CHECK_EQUAL(support.status_ended, 0);
    support.open = true;
    BOOST_CHECK_THROW(on.connection.run([](Connection::Exchange&) { throw TransportFault("no answer"); }), TransportFault);
    BOOST_CHECK(on.connection.gone());
    BOOST_CHECK(on.connection.presence() == Presence::connection_lost);
    BOOST_CHECK(!support.open);
    // A PIN that the card may honour must not outlive the connection.
    BOOST_CHECK_EQUAL(on.link->powered_off, 1);
    const auto sent = on.link->commands.size();
    BOOST_CHECK_THROW(support.read(), CardRemoved);
    BOOST_CHECK_EQUAL(on.link->commands.size(), sent);
    BOOST_CHECK_EQUAL(support.operations, 4);
}

BOOST_AUTO_TEST_CASE(reset_during_select_is_no_answer_and_select_is_not_repeated) {
    ScriptedLink link{"9000"};
    link.before_answer = [] { throw CardReset("card reset"); };
    Link::Transaction transaction(link);
    std::string answer;
    BOOST_CHECK_THROW(select_application(transaction, hex(support_aid), true, answer), CardReset);
    BOOST_CHECK_EQUAL(link.commands.size(), 1u);
    BOOST_CHECK_EQUAL(answer, "");
}

BOOST_AUTO_TEST_CASE(selection_is_not_trusted_after_a_fault_of_the_card) {
    Scripted on({"9000", "010203049000"});
    OtherApplication support(on.connection, support_aid);
    support.read();
    on.connection.run([&](Connection::Exchange& exchange) { BOOST_CHECK(exchange.selected(support)); });
    BOOST_CHECK_THROW(on.connection.run([](Connection::Exchange&) { throw CardFault("odd answer"); }), CardFault);
    on.connection.run([&](Connection::Exchange& exchange) { BOOST_CHECK(!exchange.selected(support)); });
}

BOOST_AUTO_TEST_CASE(applications_are_notified_once_of_a_new_connection) {
    Scripted on({"9000"});
    OtherApplication support(on.connection, support_aid);
    support.read();
    BOOST_CHECK_EQUAL(support.reconnected, 0);
    on.connection.let_go();
    for (int i = 0; i < 2; ++i) {
        support.read();
        BOOST_CHECK_EQUAL(support.reconnected, 1);
    }
}

BOOST_AUTO_TEST_CASE(presence_keeps_the_first_reason) {
    for (const bool replaced : {false, true}) {
        Scripted on({"9000"});
        OtherApplication support(on.connection, support_aid);
        BOOST_CHECK(on.connection.presence() == Presence::present);
        BOOST_CHECK_THROW(on.connection.run([&](Connection::Exchange& exchange) {
            if (replaced) exchange.card_replaced();
            throw CardRemoved("card removed");
        }),
                          CardRemoved);
        BOOST_CHECK(on.connection.presence() == (replaced ? Presence::replaced : Presence::removed));
        BOOST_CHECK_GE(support.status_ended, 1);
        on.connection.set_gone(Presence::connection_lost);
        BOOST_CHECK(on.connection.presence() != Presence::connection_lost);
    }
}

BOOST_AUTO_TEST_CASE(selecting_one_application_ends_the_security_status_of_the_other) {
    Scripted on({"9000", "010203049000"});
    OtherApplication support(on.connection, support_aid), issuer(on.connection, issuer_aid);
    support.open = issuer.open = true;
    on.link->answers = {hex("9000"), hex("010203049000")};
    support.read();
    BOOST_CHECK(support.open);
    BOOST_CHECK(!issuer.open);
    BOOST_CHECK_EQUAL(issuer.status_ended, 1);
    // Both are prepared before an operation of either.
    BOOST_CHECK_EQUAL(issuer.prepared, 1);
}

BOOST_AUTO_TEST_CASE(jpki_login_ends_when_another_application_is_selected_on_its_connection) {
    Shared on;
    BOOST_REQUIRE(on.card->recognise());
    Secret pin;
    const Bytes text = hex("31323334");
    BOOST_REQUIRE(take_pin(KeyUse::authentication, text, pin) == PinShape::good);
    TypedPin typed(pin);
    BOOST_REQUIRE(on.card->verify(KeyUse::authentication, typed, LastTry::spend).kind == PinAnswer::Kind::accepted);
    BOOST_REQUIRE(on.card->verified(KeyUse::authentication));
    on.other->read();
    BOOST_CHECK(!on.chip->verified(model::KeyUse::authentication));
    BOOST_CHECK(!on.card->verified(KeyUse::authentication));
    BOOST_CHECK(!on.card->may_be_open());
    // The JPKI application selects itself again, without being told.
    BOOST_CHECK(on.card->tries(KeyUse::authentication, std::chrono::milliseconds(0)) == TriesAnswer(3));
    BOOST_CHECK(on.card->certificate(KeyUse::authentication).kind == FileAnswer::Kind::read);
}

BOOST_AUTO_TEST_CASE(other_application_has_lost_its_security_status_after_a_jpki_logout) {
    Shared on;
    BOOST_REQUIRE(on.card->recognise());
    on.other->open = true;
    on.card->reset_security_status();
    BOOST_CHECK(!on.other->open);
}

BOOST_AUTO_TEST_CASE(consent_that_is_held_ends_before_another_application_runs) {
    Shared on;
    BOOST_REQUIRE(on.card->recognise());
    Secret pin;
    const Bytes text = hex("414243313233");
    BOOST_REQUIRE(take_pin(KeyUse::signature, text, pin) == PinShape::good);
    TypedPin typed(pin);
    BOOST_REQUIRE(on.card->verify(KeyUse::signature, typed, LastTry::spend, [] { return false; }).kind ==
                  PinAnswer::Kind::accepted);
    BOOST_REQUIRE(on.card->held());
    on.other->read();
    BOOST_CHECK(!on.card->held());
    BOOST_CHECK(!on.chip->verified(model::KeyUse::signature));
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
}
