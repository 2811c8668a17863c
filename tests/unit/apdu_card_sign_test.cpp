// Which commands Card sends for a signature, for a login in doubt, and to find out about PSS.
#include "apdu/errors.hpp"

#include "card_on_model.hpp"
#include "tests/fake_pcsc/gate.hpp"

#include <thread>

using namespace jpki;
using namespace std::chrono_literals;
using apdu_test::hex;
using apdu_test::OnModel;
namespace model = jpki::model;
namespace fake = jpki::fake;

namespace {

constexpr auto authentication = KeyUse::authentication, signature = KeyUse::signature;
const Bytes one_byte = {1};

// A card on which PSS was not measured.
model::Knobs other_model(bool pss, bool checks_pin_before_p1 = false) {
    model::Knobs knobs;
    knobs.model = "E99R99XX";
    knobs.pss = pss;
    knobs.checks_pin_before_p1 = checks_pin_before_p1;
    return knobs;
}

// The model loses its power, and nobody is told but of a reset.
void lose_power_untold(OnModel& on) {
    on.chip->power_off();
    on.chip->power_on();
    on.link->reset = true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(card_sign)

// --- signatures ------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(signature_after_a_reset_selects_the_application_first_and_ends_the_doubt) {
    OnModel on;
    on.log_in(authentication);
    on.chip->warm_reset();
    on.link->reset = true;
    on.sent();
    BOOST_CHECK(on.card.sign(authentication, rsa_pkcs1, one_byte).kind == SignAnswer::Kind::done);
    BOOST_CHECK_EQUAL(on.sent(), "jpki sign:97");
    BOOST_CHECK(on.card.still_verified(authentication));
    BOOST_CHECK_EQUAL(on.sent(), "");
}

BOOST_AUTO_TEST_CASE(answer_of_another_application_to_a_signature_is_not_trusted) {
    OnModel on;
    on.log_in(authentication);
    on.answer_once("sign:97", "6982");
    on.sent();
    BOOST_CHECK(on.card.sign(authentication, rsa_pkcs1, one_byte).kind == SignAnswer::Kind::done);
    BOOST_CHECK_EQUAL(on.sent(), "sign:97 read:86 sign:97");
    on.answer_once("sign:97", "6D00");
    BOOST_CHECK(on.card.sign(authentication, rsa_pkcs1, one_byte).kind == SignAnswer::Kind::done);
    BOOST_CHECK_EQUAL(on.sent(), "sign:97 jpki sign:97");
    on.link->instead = [](const std::string& word) { return word == "sign:97" ? std::optional(hex("6D00")) : std::nullopt; };
    BOOST_CHECK_THROW(on.card.sign(authentication, rsa_pkcs1, one_byte), CardFault);
    BOOST_CHECK_EQUAL(on.sent(), "sign:97 jpki sign:97");
}

BOOST_AUTO_TEST_CASE(refused_signature_of_the_certain_application_is_final_and_leaves_no_login_open) {
    OnModel on;
    on.log_in(authentication);
    on.log_in(signature);
    on.card.forget(signature);
    on.link->reset = true;
    on.answer_once("sign:97", "6982");
    on.sent();
    BOOST_CHECK(on.card.sign(authentication, rsa_pkcs1, one_byte).kind == SignAnswer::Kind::not_verified);
    BOOST_CHECK_EQUAL(on.sent(), "jpki sign:97 isd");
    BOOST_CHECK(!on.card.verified(authentication) && !on.card.may_be_open());
    BOOST_CHECK(!on.chip->verified(model::KeyUse::signature));
}

// --- a login in doubt ------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(login_is_checked_once_after_a_reset_with_what_needs_it) {
    for (const KeyUse use : all_key_uses) {
        const std::string commands = use == authentication ? "jpki sign:97" : "jpki read:81";
        OnModel kept;
        kept.log_in(use);
        kept.sent();
        BOOST_CHECK(kept.card.still_verified(use));
        BOOST_CHECK_EQUAL(kept.sent(), "");
        kept.chip->warm_reset();
        kept.link->reset = true;
        for (const std::string& sent : {commands, std::string()}) {
            BOOST_CHECK(kept.card.still_verified(use));
            BOOST_CHECK_EQUAL(kept.sent(), sent);
        }
        OnModel lost;
        lost.log_in(use);
        lost.sent();
        lose_power_untold(lost);
        BOOST_CHECK(!lost.card.still_verified(use));
        BOOST_CHECK_EQUAL(lost.sent(), commands);
        BOOST_CHECK(!lost.card.verified(use));
    }
}

BOOST_AUTO_TEST_CASE(login_in_doubt_that_has_ended_is_not_checked) {
    OnModel on;
    on.log_in(authentication);
    on.link->reset = true;
    on.card.exclusively([] {});
    on.card.forget(authentication);
    on.sent();
    BOOST_CHECK(!on.card.still_verified(authentication));
    BOOST_CHECK_EQUAL(on.sent(), "");
}

BOOST_AUTO_TEST_CASE(login_in_doubt_stays_if_the_signature_certificate_is_missing_and_not_locked) {
    OnModel on;
    on.card.tries(signature, 1h);  // settles the form of the commands
    on.log_in(signature);
    on.link->reset = true;
    on.answer_once("read:81", "6A82");
    BOOST_CHECK(on.card.still_verified(signature));
}

// --- PSS -------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(pss_of_a_measured_model_is_known_from_its_token_information) {
    OnModel on;
    BOOST_CHECK(on.card.has_pss(authentication));
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:86");
    const int begun = on.link->begun;
    BOOST_CHECK(on.card.has_pss(authentication) && on.card.has_pss(signature));
    BOOST_CHECK_EQUAL(on.link->begun, begun);
}

BOOST_AUTO_TEST_CASE(pss_of_another_model_is_probed_for_once) {
    for (const bool pss : {false, true}) {
        OnModel on(other_model(pss));
        on.card.token_information();
        on.sent();
        BOOST_CHECK_EQUAL(on.card.has_pss(authentication), pss);
        BOOST_CHECK_EQUAL(on.sent(), "jpki sign:97 sign:97");
        const int begun = on.link->begun;
        BOOST_CHECK_EQUAL(on.card.has_pss(authentication), pss);
        BOOST_CHECK_EQUAL(on.card.known_to_lack_pss(), !pss);
        BOOST_CHECK_EQUAL(on.link->begun, begun);
    }
}

BOOST_AUTO_TEST_CASE(pss_is_probed_for_again_after_the_login_and_only_then_if_the_card_checks_the_pin_first) {
    OnModel on(other_model(true, true));
    BOOST_CHECK(!on.card.has_pss(authentication));
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:86 sign:97");
    BOOST_CHECK(!on.card.has_pss(authentication));
    BOOST_CHECK_EQUAL(on.sent(), "");
    on.log_in(authentication);
    on.sent();
    BOOST_CHECK(on.card.has_pss(authentication));
    BOOST_CHECK_EQUAL(on.sent(), "read:86 sign:97 sign:97");
}

BOOST_AUTO_TEST_CASE(card_that_hides_pss_during_a_login_too_is_not_probed_again) {
    OnModel on(other_model(true));
    on.link->instead = [](const std::string& word) { return word == "sign:97" ? std::optional(hex("6700")) : std::nullopt; };
    on.log_in(authentication);
    BOOST_CHECK(!on.card.has_pss(authentication));
    on.sent();
    const int begun = on.link->begun;
    BOOST_CHECK(!on.card.has_pss(authentication));
    BOOST_CHECK(!on.card.known_to_lack_pss());
    BOOST_CHECK_EQUAL(on.link->begun, begun);
}

// The second thread waits for the first, which finds out.
BOOST_AUTO_TEST_CASE(pss_that_two_threads_ask_for_is_probed_for_once) {
    OnModel on(other_model(true));
    std::thread other;
    bool also = false;
    on.link->instead = [&](const std::string& word) -> std::optional<Bytes> {
        if (word != "sign:97" || other.joinable()) return std::nullopt;
        other = fake::start_until_it_sleeps([&] { also = on.card.has_pss(authentication); });
        return std::nullopt;
    };
    BOOST_CHECK(on.card.has_pss(authentication));
    other.join();
    BOOST_CHECK(also);
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:86 sign:97 sign:97");
}

BOOST_AUTO_TEST_SUITE_END()
