// What Card answers from memory, without a transaction, and what it must ask the card for.
#include "apdu/errors.hpp"

#include "card_on_model.hpp"
#include "openssl_certificates.hpp"

using namespace jpki;
using namespace std::chrono_literals;
using apdu_test::OnModel;
namespace model = jpki::model;

namespace {

constexpr auto authentication = KeyUse::authentication, signature = KeyUse::signature;
constexpr std::chrono::milliseconds any_age = 1h, no_age = 0ms;
using Kind = FileAnswer::Kind;

model::Knobs without_signature(bool existence_file = true) {
    model::Knobs knobs;
    knobs.has_signature = false;
    knobs.has_existence_file = existence_file;
    return knobs;
}

// Transactions that `call` begins.
int transactions_of(OnModel& on, const std::function<void()>& call) {
    const int before = on.link->begun;
    call();
    return on.link->begun - before;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(card_overview)

BOOST_AUTO_TEST_CASE(what_was_read_once_needs_no_transaction) {
    const std::function<void(Card&)> reads[] = {
        [](Card& card) { BOOST_CHECK(card.has_key(authentication)); },
        [](Card& card) { BOOST_CHECK(card.certificate(authentication).kind == Kind::read); },
        [](Card& card) { BOOST_CHECK(card.ca_certificate(signature).kind == Kind::read); },
        [](Card& card) { BOOST_CHECK(card.token_information()); },
        [](Card& card) { BOOST_CHECK(card.certificate_is_public()); },
        [](Card& card) { BOOST_CHECK_EQUAL(card.identity().size(), 256u); },
        [](Card& card) { BOOST_CHECK(card.overview(authentication, any_age).tries == TriesAnswer(3)); },
    };
    for (const auto& read : reads) {
        OnModel on;
        BOOST_CHECK_EQUAL(transactions_of(on, [&] { read(on.card); }), 1);
        BOOST_CHECK_EQUAL(transactions_of(on, [&] { read(on.card); }), 0);
        on.card.set_gone();
        BOOST_CHECK_THROW(read(on.card), CardRemoved);
    }
}

BOOST_AUTO_TEST_CASE(overview_has_identity_and_tries_of_the_age_asked_for) {
    OnModel on;
    BOOST_CHECK(on.card.has_key(authentication));
    on.card.tries(authentication, any_age);
    on.sent();
    BOOST_CHECK_EQUAL(on.card.overview(authentication, any_age).identity.size(), 256u);
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:8A");
    on.chip->set_tries(model::KeyUse::authentication, 1);
    BOOST_CHECK(on.card.overview(authentication, any_age).tries == TriesAnswer(3));
    BOOST_CHECK(on.card.overview(authentication, no_age).tries == TriesAnswer(1));
    BOOST_CHECK_EQUAL(on.sent(), "jpki tries:98");
}

BOOST_AUTO_TEST_CASE(overview_of_a_missing_key_is_that_it_is_missing) {
    OnModel on(without_signature());
    for (const int transactions : {1, 0})
        BOOST_CHECK_EQUAL(transactions_of(on,
                                          [&] {
                                              const Card::Overview overview = on.card.overview(signature, any_age);
                                              BOOST_CHECK(!overview.has_key && !overview.tries && overview.identity.empty());
                                          }),
                          transactions);
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:88 read:88");
}

// --- which keys may be offered ---------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(key_is_offered_without_a_command_while_nothing_is_known) {
    OnModel on;
    BOOST_CHECK_EQUAL(transactions_of(on, [&] { BOOST_CHECK(on.card.may_offer_key(signature)); }), 0);
}

BOOST_AUTO_TEST_CASE(missing_key_is_not_offered) {
    OnModel on(without_signature());
    BOOST_CHECK(!on.card.has_key(signature));
    BOOST_CHECK(!on.card.may_offer_key(signature));
    OnModel silent(without_signature(false));
    BOOST_CHECK(silent.card.look() == std::optional(true));
    BOOST_CHECK(!silent.card.may_offer_key(signature));
    BOOST_CHECK(silent.card.may_offer_key(authentication));
}

BOOST_AUTO_TEST_CASE(key_without_a_certificate_that_fits_is_not_offered) {
    model::Knobs without;
    without.has_authentication = false;
    without.has_existence_file = false;
    OnModel absent(without);
    BOOST_CHECK(absent.card.certificate(authentication).kind == Kind::absent);
    BOOST_CHECK(!absent.card.may_offer_key(authentication));
    const auto pki = std::make_shared<model::TestPki>();
    const test::Key key = test::ec_key("P-256");
    const Bytes der = test::der_of<X509>(test::make_certificate(key.get(), key.get()).get(), i2d_X509);
    pki->authentication_certificate.assign(der.begin(), der.end());
    OnModel odd({}, pki);
    BOOST_CHECK(odd.card.has_key(authentication));
    BOOST_CHECK(odd.card.may_offer_key(authentication));
    BOOST_CHECK(odd.card.certificate(authentication).kind == Kind::read);
    BOOST_CHECK(!odd.card.may_offer_key(authentication));
}

// --- certificates ----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(signature_certificate_without_a_login_needs_no_transaction_and_its_ca_needs_no_login) {
    OnModel on;
    BOOST_CHECK_EQUAL(transactions_of(on, [&] { BOOST_CHECK(on.card.certificate(signature).kind == Kind::locked); }), 0);
    BOOST_CHECK(on.card.ca_certificate(signature).kind == Kind::read);
    on.log_in(signature);
    BOOST_CHECK(on.card.certificate(signature).kind == Kind::read);
}

BOOST_AUTO_TEST_CASE(known_certificate_is_the_holders_once_it_was_read) {
    OnModel on;
    BOOST_CHECK(!on.card.known_certificate(authentication));
    BOOST_REQUIRE(on.card.ca_certificate(authentication).kind == Kind::read);
    BOOST_CHECK(!on.card.known_certificate(authentication));
    BOOST_REQUIRE(on.card.certificate(authentication).kind == Kind::read);
    const auto known = on.card.known_certificate(authentication);
    const auto& der = on.chip->pki().authentication_certificate;
    BOOST_REQUIRE(known);
    BOOST_CHECK(known->der == Bytes(der.begin(), der.end()));
}

BOOST_AUTO_TEST_SUITE_END()
