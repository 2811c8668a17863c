// Which certificate Card returns, what it costs, and what of it is kept.
#include "apdu/crypto_context.hpp"
#include "apdu/errors.hpp"

#include "card_on_model.hpp"
#include "openssl_certificates.hpp"
#include "tests/fake_pcsc/gate.hpp"

#include <thread>

using namespace jpki;
using namespace std::chrono_literals;
using apdu_test::hex;
using apdu_test::how_often;
using apdu_test::OnModel;
namespace model = jpki::model;
namespace fake = jpki::fake;

namespace {

constexpr auto authentication = KeyUse::authentication, signature = KeyUse::signature;
using Kind = FileAnswer::Kind;
constexpr std::size_t in_serial_number = 15;  // of a certificate of the test PKI

bool begins(const std::string& sent, const std::string& with) { return sent.starts_with(with); }

model::Knobs phone() {
    model::Knobs knobs;
    knobs.phone = true;
    return knobs;
}

model::Knobs without_authentication() {
    model::Knobs knobs;
    knobs.has_authentication = false;
    return knobs;
}

Card::ChainCheck by_signature() {
    return [context = std::make_shared<CryptoContext>()](const Certificate& certificate, const Certificate& issuer) {
        return is_signed_by(*context, certificate, issuer);
    };
}

bool never(const Certificate& certificate, const Certificate& issuer) {
    return certificate.der.empty() && issuer.der.empty();  // a certificate has bytes
}

// The shared certificates, with one certificate replaced.
std::shared_ptr<const model::TestPki> pki_with(std::vector<std::uint8_t> model::TestPki::*file, const test::Key& key,
                                               const char* hash = "SHA256") {
    const auto shared = model::TestPki::shared();
    const auto pki = std::make_shared<model::TestPki>();
    pki->authentication_certificate = shared->authentication_certificate;
    pki->signature_certificate = shared->signature_certificate;
    pki->authentication_ca = shared->authentication_ca;
    pki->signature_ca = shared->signature_ca;
    const Bytes der = test::der_of<X509>(test::make_certificate(key.get(), key.get(), {.hash = hash}).get(), i2d_X509);
    ((*pki).*file).assign(der.begin(), der.end());
    return pki;
}

// The next answer to this word has one bit of its byte `at` changed.
void flip_once(OnModel& on, const std::string& word, std::size_t at) {
    on.link->alter = [word, at, done = false](const std::string& sent, model::Bytes& answer) mutable {
        if (sent == word && !std::exchange(done, true)) answer[at] ^= 1;
    };
}

// Runs `call` in another thread from before the next answer to `word`, when it must wait for this thread's operation, to its end.
class Meanwhile {
public:
    Meanwhile(OnModel& on, std::string word, std::optional<Bytes> answer, std::function<void()> call) {
        on.link->instead = [this, word = std::move(word), answer = std::move(answer),
                            call = std::move(call)](const std::string& next) -> std::optional<Bytes> {
            if (next != word || other_.joinable()) return std::nullopt;
            other_ = fake::start_until_it_sleeps(call);
            return answer;
        };
    }
    void end() { other_.join(); }

private:
    std::thread other_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(card_certificates)

// --- what identifies the card ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(identity_is_the_first_256_bytes_of_the_authentication_certificate) {
    OnModel on;
    BOOST_REQUIRE(on.card.certificate(authentication).kind == Kind::read);
    const auto& der = on.chip->pki().authentication_certificate;
    BOOST_CHECK(on.card.identity() == Bytes(der.begin(), der.begin() + 256));
}

BOOST_AUTO_TEST_CASE(certificate_whose_first_bytes_were_read_without_a_login_is_kept_after_the_logout) {
    OnModel on;
    on.card.identity();
    on.log_in(authentication);
    BOOST_REQUIRE(on.card.certificate(authentication).kind == Kind::read);
    BOOST_CHECK(!on.card.forget(authentication));
    BOOST_CHECK(on.card.known_certificate(authentication));
}

BOOST_AUTO_TEST_CASE(card_is_still_identified_after_a_logout_of_the_signature) {
    OnModel on;
    on.card.identity();
    on.log_in(signature);
    on.card.forget(signature);
    on.link->reset = true;
    on.sent();
    on.card.ca_certificate(authentication);
    BOOST_CHECK(begins(on.sent(), "jpki read:8A read:8B"));
}

BOOST_AUTO_TEST_CASE(holders_certificate_is_checked_after_the_ca_was_checked_alone) {
    OnModel on({}, model::TestPki::shared(), by_signature());
    BOOST_REQUIRE(on.card.ca_certificate(authentication).kind == Kind::read);
    flip_once(on, "read:8A", in_serial_number);
    const auto certificate = on.card.certificate(authentication).certificate;
    const auto& der = on.chip->pki().authentication_certificate;
    BOOST_REQUIRE(certificate);
    BOOST_CHECK(certificate->der == Bytes(der.begin(), der.end()));
}

// --- one read --------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(connection_that_fails_at_a_read_gets_no_further_command) {
    OnModel on;
    on.card.ca_certificate(authentication);
    on.fail<TransportFault>("read:8A");
    on.sent();
    BOOST_CHECK_THROW(on.card.certificate(authentication), TransportFault);
    BOOST_CHECK_EQUAL(on.sent(), "read:8A");
}

BOOST_AUTO_TEST_CASE(odd_answer_to_a_read_is_a_fault_if_the_application_is_certainly_selected_and_else_is_read_again) {
    OnModel on;
    on.settle_form();
    on.link->reset = true;
    on.answer_once("read:8A", "6F00");
    BOOST_CHECK_THROW(on.card.certificate(authentication), CardFault);
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:8A");
    on.card.ca_certificate(authentication);
    on.answer_once("read:8A", "6F00");
    on.sent();
    BOOST_CHECK(on.card.certificate(authentication).kind == Kind::read);
    BOOST_CHECK(begins(on.sent(), "read:8A jpki read:8A "));
}

BOOST_AUTO_TEST_CASE(certificate_corrupted_in_transfer_is_read_again) {
    OnModel on;
    on.answer_once("read:8A", "30030201079000");
    BOOST_CHECK(on.card.certificate(authentication).kind == Kind::read);
    BOOST_CHECK(begins(on.sent(), "jpki read:8A read:8A "));
}

BOOST_AUTO_TEST_CASE(missing_certificate_is_asked_for_once_and_shows_no_phone) {
    OnModel on(without_authentication());
    BOOST_CHECK(on.card.certificate(authentication).kind == Kind::absent);
    BOOST_CHECK(!on.card.certificate_wants_pin(authentication));
    on.sent();
    BOOST_CHECK(on.card.certificate(authentication).kind == Kind::absent);
    BOOST_CHECK_EQUAL(on.sent(), "");
}

BOOST_AUTO_TEST_CASE(locked_authentication_certificate_is_asked_for_once_and_shows_a_phone) {
    OnModel on(phone());
    BOOST_CHECK(on.card.certificate(authentication).kind == Kind::locked);
    BOOST_CHECK_EQUAL(on.sent(), "jpki read:8A");
    BOOST_CHECK(on.card.certificate_wants_pin(authentication));
    BOOST_CHECK(!on.card.certificate_is_public());
}

BOOST_AUTO_TEST_CASE(locked_ca_certificate_does_not_end_the_login) {
    OnModel on;
    on.log_in(signature);
    on.link->instead = [](const std::string& word) { return word == "read:82" ? std::optional(hex("6982")) : std::nullopt; };
    BOOST_CHECK(on.card.ca_certificate(signature).kind == Kind::locked);
    BOOST_CHECK(on.card.verified(signature));
}

BOOST_AUTO_TEST_CASE(only_a_key_that_no_card_can_have_is_logged_once_and_a_ca_may_have_others) {
    OnModel curve({}, pki_with(&model::TestPki::authentication_ca, test::ec_key("P-256")));
    BOOST_CHECK(curve.card.ca_certificate(authentication).kind == Kind::read);
    BOOST_CHECK_EQUAL(curve.lines_with("unsupported key type"), 0u);
    OnModel edwards({}, pki_with(&model::TestPki::signature_certificate, test::ed25519_key(), nullptr));
    for (int login = 0; login < 2; ++login) {
        edwards.log_in(signature);
        BOOST_CHECK(edwards.card.certificate(signature).kind == Kind::read);
        edwards.card.forget(signature);
    }
    BOOST_CHECK_EQUAL(how_often(edwards.sent(), "read:81"), 2u);
    BOOST_CHECK_EQUAL(edwards.lines_with("signature certificate has an unsupported key type"), 1u);
}

// --- two threads -----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(certificate_that_two_threads_want_is_read_once) {
    OnModel on;
    CertificateFile second;
    Meanwhile meanwhile(on, "read:8A", std::nullopt, [&] { second = on.card.certificate(authentication); });
    const CertificateFile first = on.card.certificate(authentication);
    meanwhile.end();
    BOOST_CHECK(first.kind == Kind::read && second.certificate == first.certificate);
    BOOST_CHECK_EQUAL(how_often(on.sent(), "read:8A"), 1u);
}

BOOST_AUTO_TEST_CASE(signature_certificate_is_not_read_for_a_thread_whose_login_ended_while_it_waited) {
    OnModel on;
    on.log_in(authentication);
    on.log_in(signature);
    CertificateFile late;
    // The card has not seen the wrong password, and would still give the certificate.
    Meanwhile meanwhile(on, "verify:9B", hex("63C4"), [&] { late = on.card.certificate(signature); });
    BOOST_REQUIRE(on.verify(signature, "WRONG1").kind == PinAnswer::Kind::rejected);
    meanwhile.end();
    BOOST_REQUIRE(on.chip->verified(model::KeyUse::signature));
    BOOST_CHECK(late.kind == Kind::locked && !late.certificate);
    BOOST_CHECK_EQUAL(how_often(on.sent(), "read:81"), 0u);
}

// --- the holder's certificate and the CA's ---------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(ca_certificate_alone_is_checked_with_itself_once) {
    int checks = 0;
    OnModel on(without_authentication(), model::TestPki::shared(),
               [&, check = by_signature()](const Certificate& certificate, const Certificate& issuer) {
                   return ++checks, check(certificate, issuer);
               });
    BOOST_CHECK(on.card.ca_certificate(authentication).kind == Kind::read);
    BOOST_CHECK_EQUAL(how_often(on.sent(), "read:8B"), 1u);
    BOOST_CHECK_EQUAL(on.lines_with("do not match"), 0u);
    BOOST_CHECK(on.card.certificate(authentication).kind == Kind::absent);
    BOOST_CHECK_EQUAL(checks, 1);
}

BOOST_AUTO_TEST_CASE(identity_of_a_certificate_that_did_not_match_is_read_again) {
    OnModel on({}, model::TestPki::shared(), by_signature());
    flip_once(on, "read:8A", in_serial_number);
    BOOST_REQUIRE(on.card.certificate(authentication).kind == Kind::read);
    const auto& der = on.chip->pki().authentication_certificate;
    const Bytes right(der.begin(), der.begin() + 256);
    BOOST_REQUIRE(on.card.identity() != right);
    BOOST_CHECK(on.card.ca_certificate(authentication).kind == Kind::read);
    BOOST_CHECK_EQUAL(on.lines_with("do not match; reading them again"), 1u);
    BOOST_CHECK(on.card.identity() == right);
    BOOST_CHECK(!on.card.certificates_doubted(authentication));
}

BOOST_AUTO_TEST_CASE(identity_stays_known_when_the_certificates_of_the_signature_do_not_match) {
    OnModel on({}, model::TestPki::shared(), never);
    on.card.identity();
    on.sent();
    BOOST_CHECK(on.card.ca_certificate(signature).kind == Kind::read);
    const std::string sent = on.sent();
    BOOST_CHECK_EQUAL(how_often(sent, "jpki read:8A read:82"), 1u);  // it must be the same card
    on.card.identity();
    BOOST_CHECK_EQUAL(on.sent(), "");
}

BOOST_AUTO_TEST_CASE(certificates_that_do_not_match_are_accepted_after_two_equal_reads_of_both_only) {
    OnModel equal({}, model::TestPki::shared(), never);
    BOOST_REQUIRE(equal.card.certificate(authentication).kind == Kind::read);
    BOOST_CHECK(equal.card.ca_certificate(authentication).kind == Kind::read);
    OnModel holder({}, model::TestPki::shared(), never);
    flip_once(holder, "read:8A", in_serial_number);
    BOOST_REQUIRE(holder.card.certificate(authentication).kind == Kind::read);
    BOOST_CHECK_THROW(holder.card.ca_certificate(authentication), CardFault);
    BOOST_CHECK(!holder.card.known_certificate(authentication));
    BOOST_CHECK(holder.card.certificates_doubted(authentication));
    OnModel ca({}, model::TestPki::shared(), never);
    BOOST_REQUIRE(ca.card.certificate(authentication).kind == Kind::read);
    flip_once(ca, "read:8B", in_serial_number);
    BOOST_CHECK_THROW(ca.card.ca_certificate(authentication), CardFault);
}

BOOST_AUTO_TEST_CASE(certificate_that_is_missing_in_the_second_read_is_not_the_same) {
    for (const char* vanishes : {"read:8A", "read:8B"}) {
        OnModel on({}, model::TestPki::shared(), never);
        on.settle_form();
        BOOST_REQUIRE(on.card.certificate(authentication).kind == Kind::read);
        on.link->instead = [vanishes, ca_reads = 0](const std::string& word) mutable -> std::optional<Bytes> {
            ca_reads += word == "read:8B";
            if (word == vanishes && ca_reads >= 2) return hex("6A82");
            return std::nullopt;
        };
        BOOST_CHECK_THROW(on.card.ca_certificate(authentication), CardFault);
    }
}

BOOST_AUTO_TEST_CASE(holders_certificate_that_was_not_requested_is_not_read_to_check_the_ca) {
    OnModel on({}, model::TestPki::shared(), never);
    BOOST_CHECK(on.card.ca_certificate(authentication).kind == Kind::read);
    const std::string sent = on.sent();
    BOOST_CHECK_EQUAL(how_often(sent, "read:8B"), 2u);
    // Perhaps another application is selected although no other program was met: it is not believed to be ours any more.
    BOOST_CHECK_EQUAL(how_often(sent, "jpki read:8B"), 2u);
    BOOST_CHECK_EQUAL(how_often(sent, "read:8A"), 0u);
}

BOOST_AUTO_TEST_SUITE_END()
