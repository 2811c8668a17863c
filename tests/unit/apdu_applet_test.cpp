// The applet through the fake of PC/SC on the card model: every kind of card, the two forms, the repeat after a cold reset,
// and reads that end at the end of the certificate.
#include "apdu/applet.hpp"
#include "apdu/card.hpp"
#include "apdu/certificate_file.hpp"
#include "apdu/errors.hpp"
#include "apdu/pcsc_link.hpp"
#include "apdu/token_information.hpp"

#include "card_kinds.hpp"
#include "card_model.hpp"
#include "scripted_link.hpp"
#include "test_pki.hpp"
#include "tests/fake_pcsc/fake_pcsc.hpp"

#include <boost/test/unit_test.hpp>

using namespace jpki;
namespace model = jpki::model;
namespace fake = jpki::fake;
using apdu_test::hex;
using apdu_test::ScriptedLink;

namespace {

const std::string reader = "Fake Reader 00 00";

model::KeyUse model_key(KeyUse use) {
    return use == KeyUse::authentication ? model::KeyUse::authentication : model::KeyUse::signature;
}

struct OnReader {
    explicit OnReader(const model::Knobs& knobs = {}, std::shared_ptr<const model::TestPki> pki = model::TestPki::shared())
        : card(std::make_shared<model::CardModel>(std::move(pki), knobs)) {
        fake::reset_everything();
        fake::add_reader(reader, card);
        link = std::make_unique<PcscLink>(log, reader, std::chrono::milliseconds(1000));
        transaction.emplace(*link);
        applet.emplace(*transaction, profile);
    }
    Log log;
    std::shared_ptr<model::CardModel> card;
    std::unique_ptr<PcscLink> link;
    std::optional<Link::Transaction> transaction;
    CommandProfile profile;
    std::optional<Applet> applet;

    std::size_t commands() const { return card->counts().commands; }
};

void take(KeyUse use, const std::string& text, Secret& out) {
    const Bytes bytes(text.begin(), text.end());
    BOOST_REQUIRE(take_pin(use, bytes, out) == PinShape::good);
}

PinAnswer verify(OnReader& on, KeyUse use, const std::string& text) {
    Secret pin;
    take(use, text, pin);
    return on.applet->verify(use, pin);
}

// A file with a certificate of exactly `size` bytes, for a reader of its length: a SEQUENCE.
std::shared_ptr<const model::TestPki> pki_with_certificate_of(std::size_t size) {
    auto pki = std::make_shared<model::TestPki>();
    Bytes der(size);
    for (std::size_t i = 0; i < size; ++i) der[i] = static_cast<std::uint8_t>(i * 31 + 7);
    der[0] = 0x30;
    if (size - 2 < 0x80) {
        der[1] = static_cast<std::uint8_t>(size - 2);
    } else if (size - 3 < 0x100) {
        der[1] = 0x81;
        der[2] = static_cast<std::uint8_t>(size - 3);
    } else {
        der[1] = 0x82;
        der[2] = static_cast<std::uint8_t>((size - 4) >> 8);
        der[3] = static_cast<std::uint8_t>((size - 4) & 0xFF);
    }
    pki->authentication_certificate.assign(der.begin(), der.end());
    return pki;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_of_card_is_understood) {
    for (const model::CardKind& kind : model::card_kinds()) BOOST_TEST_CONTEXT(kind.name) {
            model::Knobs knobs;
            kind.adjust(knobs);
            OnReader on(knobs);
            if (!knobs.is_jpki && knobs.other_card_answer != 0x6A82) {  // not 6A82 or 6A81
                BOOST_CHECK_THROW(on.applet->select(true), CardFault);
                continue;
            }
            BOOST_REQUIRE_EQUAL(on.applet->select(true), knobs.is_jpki);
            if (!knobs.is_jpki) continue;
            for (const KeyUse use : all_key_uses) {
                const auto m = model_key(use);
                const bool has = use == KeyUse::authentication ? knobs.has_authentication : knobs.has_signature;
                const TriesAnswer tries = on.applet->tries(use);
                if (!has) {
                    // Not found, permanently blocked, or (certificate removed) unchanged.
                    BOOST_CHECK(tries == std::nullopt || *tries == 0 || knobs.missing_file == model::Knobs::Missing::filler);
                    BOOST_CHECK(on.applet->read_certificate(facts_of(use).certificate).kind != FileAnswer::Kind::read);
                    continue;
                }
                BOOST_REQUIRE(tries.has_value());
                BOOST_CHECK_EQUAL(*tries, knobs.tries[index_of(use)]);
                BOOST_CHECK(on.profile.form ==
                            (knobs.short_forms ? CommandProfile::Form::short_form : CommandProfile::Form::select_ef));
                BOOST_CHECK_EQUAL(on.profile.query_with_le, knobs.query_needs_le);
                BOOST_CHECK(on.applet->sign(use, rsa_pkcs1, hex("0102")).kind == SignAnswer::Kind::not_verified);
                const bool hidden = use == KeyUse::signature || knobs.phone || knobs.iphone;
                BOOST_CHECK(on.applet->read_certificate(facts_of(use).certificate).kind ==
                            (hidden ? FileAnswer::Kind::locked : FileAnswer::Kind::read));
                BOOST_CHECK(std::ranges::equal(
                    on.applet->read_certificate(facts_of(use).ca).data,
                    use == KeyUse::authentication ? on.card->pki().authentication_ca : on.card->pki().signature_ca));
                const PinAnswer answer = verify(on, use, on.card->pin(m));
                BOOST_CHECK(answer.kind == (*tries == 0 ? PinAnswer::Kind::blocked : PinAnswer::Kind::accepted));
                if (answer.kind != PinAnswer::Kind::accepted) continue;
                BOOST_CHECK(std::ranges::equal(on.applet->read_certificate(facts_of(use).certificate).data,
                                               use == KeyUse::authentication ? on.card->pki().authentication_certificate
                                                                             : on.card->pki().signature_certificate));
                BOOST_CHECK_EQUAL(on.applet->sign(use, rsa_pkcs1, hex("0102")).signature.size(), 256u);
                const SignAnswer pss = on.applet->sign(use, rsa_pss_sha256, Bytes(32, 1));
                BOOST_CHECK(pss.kind == (knobs.pss ? SignAnswer::Kind::done : SignAnswer::Kind::scheme_unknown));
            }
            const FileAnswer information = on.applet->read_start(Ef::token_information, TokenInformation::size);
            BOOST_CHECK(information.kind == (knobs.has_token_information ? FileAnswer::Kind::read : FileAnswer::Kind::absent));
            if (knobs.has_token_information)
                BOOST_CHECK_EQUAL(parse_token_information(information.data)->is_phone(), knobs.phone || knobs.iphone);
            BOOST_CHECK(on.applet->select_issuer_security_domain());
            for (const KeyUse use : all_key_uses) BOOST_CHECK(!on.card->verified(model_key(use)));
            BOOST_CHECK_EQUAL(on.card->counts().issuer_commands, 0u);
        }
}

BOOST_AUTO_TEST_CASE(pin_is_sent_once_in_each_form_and_wrong_one_costs_one_try) {
    for (const bool short_forms : {true, false})
        for (const bool form_known : {true, false}) {
            model::Knobs knobs;
            knobs.short_forms = short_forms;
            OnReader on(knobs);
            BOOST_REQUIRE(on.applet->select(true));
            if (form_known) on.applet->tries(KeyUse::authentication);
            const PinAnswer wrong = verify(on, KeyUse::authentication, "0000");
            BOOST_CHECK(wrong.kind == PinAnswer::Kind::rejected);
            BOOST_CHECK_EQUAL(wrong.tries_left, 2);
            BOOST_CHECK_EQUAL(on.card->tries(model::KeyUse::authentication), 2);
            BOOST_CHECK_EQUAL(on.card->counts().wrong[0], 1u);
            BOOST_CHECK(verify(on, KeyUse::authentication, "1234").kind == PinAnswer::Kind::accepted);
            BOOST_CHECK_EQUAL(on.card->tries(model::KeyUse::authentication), 3);
            for (int left = 2; left >= 1; --left) BOOST_CHECK_EQUAL(verify(on, KeyUse::authentication, "0000").tries_left, left);
            BOOST_CHECK(verify(on, KeyUse::authentication, "0000").kind == PinAnswer::Kind::blocked);  // 63C0
            BOOST_CHECK(verify(on, KeyUse::authentication, "1234").kind == PinAnswer::Kind::blocked);  // 6984
        }
}

BOOST_AUTO_TEST_CASE(form_is_found_by_retry_counter_query_which_costs_no_try) {
    for (const bool short_forms : {true, false}) {
        model::Knobs knobs;
        knobs.short_forms = short_forms;
        OnReader on(knobs);
        BOOST_REQUIRE(on.applet->select(true));
        on.card->reset_counts();
        BOOST_CHECK_EQUAL(on.applet->tries(KeyUse::signature).value_or(-1), 5);
        BOOST_CHECK_EQUAL(on.commands(), short_forms ? 1u : 3u);  // SFI rejected, SELECT EF, query
        on.card->reset_counts();
        on.applet->tries(KeyUse::signature);
        BOOST_CHECK_EQUAL(on.commands(), short_forms ? 1u : 2u);
        BOOST_CHECK_EQUAL(on.card->counts().verify[1], 0u);
        BOOST_CHECK_EQUAL(on.card->tries(model::KeyUse::signature), 5);
    }
}

BOOST_AUTO_TEST_CASE(first_command_after_cold_reset_is_repeated_once_on_6f00_and_no_other) {
    model::Knobs knobs;
    knobs.first_command_6f00 = true;
    OnReader on(knobs);
    BOOST_CHECK(on.applet->select(true));
    BOOST_CHECK_EQUAL(on.commands(), 2u);
    ScriptedLink stumbling{"6F00"};
    Link::Transaction transaction(stumbling);
    CommandProfile profile;
    BOOST_CHECK_THROW(Applet(transaction, profile).select(true), CardFault);
    BOOST_CHECK_EQUAL(stumbling.commands.size(), 2u);
    stumbling.commands.clear();
    BOOST_CHECK_THROW(Applet(transaction, profile).select(false), CardFault);
    BOOST_CHECK_EQUAL(stumbling.commands.size(), 1u);
}

BOOST_AUTO_TEST_CASE(certificates_of_any_size_are_read_exactly) {
    std::vector<std::size_t> sizes = {3,   5,   16,  127, 129, 131, 240, 272, 511,  512,  513,  514,
                                      527, 528, 529, 765, 766, 767, 768, 769, 1570, 1745, 3808, 8192};
    for (std::size_t size = 250; size <= 260; ++size)
        if (size != 258) sizes.push_back(size);
    sizes.push_back(258);
    for (const std::size_t size : sizes)
        for (const bool short_forms : {true, false})
            for (const bool sfi_selects : {true, false})
                for (const std::size_t file : {std::size_t{0}, size + 1, std::max<std::size_t>(3808, size)})
                    BOOST_TEST_CONTEXT(size << " bytes, file of " << file << (short_forms ? ", short form" : ", SELECT EF")
                                            << (sfi_selects ? "" : ", SFI does not select")) {
                        model::Knobs knobs;
                        knobs.short_forms = short_forms;
                        knobs.sfi_read_sets_current_file = sfi_selects;
                        knobs.certificate_file_size = file;
                        OnReader on(knobs, pki_with_certificate_of(size));
                        BOOST_REQUIRE(on.applet->select(true));
                        on.applet->tries(KeyUse::authentication);
                        on.card->reset_counts();
                        const FileAnswer answer = on.applet->read_certificate(Ef::authentication_certificate);
                        BOOST_REQUIRE(answer.kind == FileAnswer::Kind::read);
                        BOOST_CHECK(answer.data == on.card->pki().authentication_certificate);
                        // No byte of filler beyond the first 256, and few more commands than the bytes need.
                        BOOST_CHECK_LE(on.commands(), (size + 255) / 256 + 2);
                        // Reading on after the head gives the same bytes.
                        const FileAnswer start = on.applet->read_start(Ef::authentication_certificate, 256);
                        BOOST_REQUIRE(start.kind == FileAnswer::Kind::read);
                        BOOST_CHECK(on.applet->read_certificate(Ef::authentication_certificate, start.data).data == answer.data);
                    }
}

BOOST_AUTO_TEST_CASE(second_read_from_another_file_is_detected) {
    // After the first read by SFI another file is the current one: without the overlap its bytes would be returned.
    model::Knobs knobs;
    knobs.sfi_read_sets_current_file = false;
    OnReader on(knobs);
    BOOST_REQUIRE(on.applet->select(true));
    on.applet->tries(KeyUse::authentication);
    BOOST_CHECK(on.applet->read_certificate(Ef::authentication_certificate).data == on.card->pki().authentication_certificate);
    // Now that file is selected, and the CA's is read.
    BOOST_CHECK(on.applet->read_certificate(Ef::authentication_ca).data == on.card->pki().authentication_ca);
    BOOST_CHECK(!on.profile.sfi_read_selects);
}

BOOST_AUTO_TEST_CASE(wrong_length_is_malformed_and_reading_ends) {
    for (const char* head : {"3082 0622", "3082 1FFC", "3081 FF", "30 7F"}) {
        auto pki = std::make_shared<model::TestPki>();
        const Bytes lie = hex(head);
        pki->authentication_certificate.assign(lie.begin(), lie.end());
        pki->authentication_certificate.resize(100, 0x11);  // and the file ends
        model::Knobs knobs;
        knobs.certificate_file_size = 0;
        OnReader on(knobs, pki);
        BOOST_REQUIRE(on.applet->select(true));
        on.card->reset_counts();
        BOOST_CHECK(on.applet->read_certificate(Ef::authentication_certificate).kind == FileAnswer::Kind::malformed);
        BOOST_CHECK_LE(on.commands(), 8u);
    }
}

BOOST_AUTO_TEST_CASE(incorrect_p1_says_that_card_has_no_pss_and_nothing_of_schemes_that_every_card_has) {
    const auto kind = [](const SignatureScheme& scheme) {
        ScriptedLink link{"6A86"};
        Link::Transaction transaction(link);
        CommandProfile profile;
        return Applet(transaction, profile).sign(KeyUse::authentication, scheme, Bytes(32)).kind;
    };
    BOOST_CHECK(kind(rsa_pss_sha256) == SignAnswer::Kind::scheme_unknown);
    for (const SignatureScheme* scheme : {&rsa_pkcs1, &ecdsa}) BOOST_CHECK(kind(*scheme) == SignAnswer::Kind::elsewhere);
}

BOOST_AUTO_TEST_CASE(file_that_needs_a_login_is_locked_after_one_command) {
    ScriptedLink link{"6982"};
    Link::Transaction transaction(link);
    CommandProfile profile;
    BOOST_CHECK(Applet(transaction, profile).read_start(Ef::signature_certificate, 16).kind == FileAnswer::Kind::locked);
    BOOST_CHECK_EQUAL(link.commands.size(), 1u);
}

BOOST_AUTO_TEST_CASE(status_words_of_verify_mean_what_apdu_readme_says) {
    const struct {
        std::uint16_t status;
        PinAnswer::Kind kind;
        int left;
    } rows[] = {
        {0x9000, PinAnswer::Kind::accepted, 0},  {0x63C5, PinAnswer::Kind::rejected, 5}, {0x63C1, PinAnswer::Kind::rejected, 1},
        {0x63CF, PinAnswer::Kind::rejected, 15}, {0x63C0, PinAnswer::Kind::blocked, 0},  {0x6983, PinAnswer::Kind::blocked, 0},
        {0x6984, PinAnswer::Kind::blocked, 0},   {0x6A88, PinAnswer::Kind::absent, 0},   {0x6A82, PinAnswer::Kind::absent, 0}};
    for (const auto& row : rows) {
        const PinAnswer answer = Applet::pin_answer(row.status);
        BOOST_CHECK(answer.kind == row.kind);
        BOOST_CHECK_EQUAL(answer.tries_left, row.left);
    }
    // The low digit of another status word is not a counter.
    for (const int status : {0x6900, 0x69C2, 0x6300, 0x6303, 0x62C3, 0x9001, 0x6F00, 0x0000, 0xFFFF, 0x6982})
        BOOST_CHECK_THROW(Applet::pin_answer(static_cast<std::uint16_t>(status)), CardFault);
}

BOOST_AUTO_TEST_CASE(new_pin_is_set_after_verify_and_rejected_without_it) {
    for (const bool short_forms : {true, false}) {
        model::Knobs knobs;
        knobs.short_forms = short_forms;
        OnReader on(knobs);
        BOOST_REQUIRE(on.applet->select(true));
        on.applet->tries(KeyUse::signature);
        Secret fresh;
        take(KeyUse::signature, "NEW4567", fresh);
        BOOST_CHECK(on.applet->change(KeyUse::signature, fresh) == PinAnswer::Kind::rejected);
        BOOST_CHECK(verify(on, KeyUse::signature, "abc123").kind == PinAnswer::Kind::accepted);  // raised
        BOOST_CHECK(on.applet->change(KeyUse::signature, fresh) == PinAnswer::Kind::accepted);
        BOOST_CHECK_EQUAL(on.card->pin(model::KeyUse::signature), "NEW4567");
    }
}
