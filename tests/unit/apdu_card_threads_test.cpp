// Decisions of one thread about a card during a command of another thread.
#include "apdu/card.hpp"
#include "apdu/pcsc_link.hpp"

#include "card_model.hpp"
#include "test_pki.hpp"
#include "tests/fake_pcsc/fake_pcsc.hpp"
#include "tests/fake_pcsc/gate.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <thread>

using namespace jpki;
namespace model = jpki::model;
namespace fake = jpki::fake;

namespace {

const std::string reader = "Fake Reader 00 00";

// A card in a reader, recognised.
struct Inserted {
    std::shared_ptr<model::CardModel> chip = std::make_shared<model::CardModel>(model::TestPki::shared(), model::Knobs{});
    Log log;
    Card card{link(), log};

    Inserted() { BOOST_REQUIRE(card.recognise()); }

private:
    std::unique_ptr<Link> link() {
        fake::reset_everything();
        fake::add_reader(reader, chip);
        return std::make_unique<PcscLink>(log, reader, std::chrono::milliseconds(1000));
    }
};

PinAnswer::Kind verify(Card& card, KeyUse use, const std::string& text) {
    Secret secret;
    const Bytes bytes(text.begin(), text.end());
    if (take_pin(use, bytes, secret) != PinShape::good) return PinAnswer::Kind::not_entered;
    TypedPin typed(secret);
    return card.verify(use, typed, LastTry::spend).kind;
}

}  // namespace

BOOST_AUTO_TEST_CASE(security_status_is_reset_only_after_running_verify) {
    for (const bool right : {true, false}) {
        Inserted inserted;
        Card& card = inserted.card;
        const auto& chip = inserted.chip;
        BOOST_REQUIRE(verify(card, KeyUse::authentication, "1234") == PinAnswer::Kind::accepted);
        BOOST_REQUIRE(!card.forget(KeyUse::authentication));
        BOOST_REQUIRE(card.may_be_open());

        fake::Gate gate;
        fake::on_transmit([&](const std::string&, model::ByteView command) {
            if (command[1] == 0x20) gate.wait_here();
        });
        std::thread verifying([&] { verify(card, KeyUse::signature, right ? "ABC123" : "WRONG1"); });
        gate.until_somebody_waits();
        auto locking = fake::start_until_it_sleeps([&] { card.reset_security_status_unless_verified(KeyUse::signature); });
        gate.open();
        verifying.join();
        locking.join();
        fake::on_transmit({});
        // Accepted: the login stays, and with it that of the other key. Rejected: no user is logged in, no login stays open.
        BOOST_CHECK_EQUAL(card.verified(KeyUse::signature), right);
        BOOST_CHECK_EQUAL(chip->verified(model::KeyUse::signature), right);
        BOOST_CHECK_EQUAL(chip->verified(model::KeyUse::authentication), right);
        BOOST_CHECK_EQUAL(card.may_be_open(), right);
    }
    fake::reset_everything();
}

// The card has no logout for one key: our state alone ends a login while the other key keeps the card open.
BOOST_AUTO_TEST_CASE(key_after_logout_neither_signs_nor_reads_although_card_would) {
    for (const KeyUse use : all_key_uses) {
        Inserted inserted;
        Card& card = inserted.card;
        const auto& chip = inserted.chip;
        for (const KeyUse both : all_key_uses)
            BOOST_REQUIRE(verify(card, both, both == KeyUse::authentication ? "1234" : "ABC123") == PinAnswer::Kind::accepted);
        card.forget(use);
        card.reset_security_status_unless_verified(other(use));
        BOOST_REQUIRE(chip->verified(static_cast<model::KeyUse>(use)));
        chip->reset_counts();
        const Bytes data = {1};
        BOOST_CHECK(card.sign(use, rsa_pkcs1, data).kind == SignAnswer::Kind::not_verified);
        if (use == KeyUse::signature) BOOST_CHECK(card.certificate(use).kind == FileAnswer::Kind::locked);
        BOOST_CHECK_EQUAL(chip->counts().commands, 0u);
    }
}
