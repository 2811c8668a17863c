// The card model against apdu/README.md, table of P1: every row is checked by OpenSSL with the certificate's public key.
#include <boost/test/unit_test.hpp>

#include "card_model_fixture.hpp"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>

using namespace card_model_test;

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

Key public_key(const Bytes& der) {
    const unsigned char* bytes = der.data();
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())),
                                                                  &X509_free);
    return Key(X509_get_pubkey(certificate.get()), &EVP_PKEY_free);
}

const Bytes& certificate(KeyUse use) {
    return use == KeyUse::signature ? TestPki::shared()->signature_certificate : TestPki::shared()->authentication_certificate;
}

// The padded block of 256 bytes that the card signed.
Bytes opened(KeyUse use, const Bytes& signature) {
    const Key key = public_key(certificate(use));
    const Context context(EVP_PKEY_CTX_new(key.get(), nullptr), &EVP_PKEY_CTX_free);
    Bytes block(256);
    std::size_t length = block.size();
    BOOST_REQUIRE(EVP_PKEY_verify_recover_init(context.get()) == 1);
    BOOST_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1);
    BOOST_REQUIRE(EVP_PKEY_verify_recover(context.get(), block.data(), &length, signature.data(), signature.size()) == 1);
    return block;
}

Bytes type_1_block(const Bytes& content) {
    Bytes block(256, 0xFF);
    block[0] = 0x00;
    block[1] = 0x01;
    block[255 - content.size()] = 0x00;
    std::copy(content.begin(), content.end(), block.end() - static_cast<std::ptrdiff_t>(content.size()));
    return block;
}

bool verifies(KeyUse use, const Bytes& hash, const Bytes& signature, int padding) {
    const Key key = public_key(certificate(use));
    const Context context(EVP_PKEY_CTX_new(key.get(), nullptr), &EVP_PKEY_CTX_free);
    if (EVP_PKEY_verify_init(context.get()) != 1 || EVP_PKEY_CTX_set_rsa_padding(context.get(), padding) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1)
        return false;
    if (padding == RSA_PKCS1_PSS_PADDING && (EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
                                             EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), 32) != 1))
        return false;
    return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), hash.data(), hash.size()) == 1;
}

Bytes sha256(const Bytes& message) {
    Bytes hash(32);
    EVP_Digest(message.data(), message.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
    return hash;
}

struct SigningCard : OpenCard {
    explicit SigningCard(const Knobs& knobs = {}) : OpenCard(knobs) {
        sw(verify_auth);
        sw(verify_sign);
    }
};

const Bytes message = {'h', 'e', 'l', 'l', 'o'};

}  // namespace

BOOST_AUTO_TEST_SUITE(signing)

BOOST_AUTO_TEST_CASE(p1_00_pads_bytes_as_they_are) {
    SigningCard card;
    for (const std::size_t length : {1U, 51U, 245U}) {
        const Bytes data(length, 0x42);
        BOOST_TEST(opened(KeyUse::authentication, card.sign(0x00, KeyUse::authentication, data).data) == type_1_block(data));
    }
    BOOST_TEST(card.sign(0x00, KeyUse::authentication, Bytes(246)).sw == 0x6700U);
    BOOST_TEST(card.counts().signatures[0] == 3U);
}

BOOST_AUTO_TEST_CASE(p1_01_pads_hash_without_digest_info) {
    SigningCard card;
    BOOST_TEST(opened(KeyUse::signature, card.sign(0x01, KeyUse::signature, message).data) == type_1_block(sha256(message)));
    BOOST_TEST(card.sign(0x01, KeyUse::signature, Bytes(255)).sw == 0x9000U);
    BOOST_TEST(card.counts().signatures[1] == 2U);
}

BOOST_AUTO_TEST_CASE(p1_02_signs_hash_with_its_digest_info) {
    SigningCard card;
    const Bytes hash = sha256(message);
    BOOST_TEST(verifies(KeyUse::signature, hash, card.sign(0x02, KeyUse::signature, hash).data, RSA_PKCS1_PADDING));
    for (const std::size_t length : {1U, 31U, 33U, 255U})
        BOOST_TEST(card.sign(0x02, KeyUse::signature, Bytes(length)).sw == 0x6700U);
}

BOOST_AUTO_TEST_CASE(p1_03_hashes_and_signs) {
    SigningCard card;
    BOOST_TEST(verifies(KeyUse::authentication, sha256(message), card.sign(0x03, KeyUse::authentication, message).data,
                        RSA_PKCS1_PADDING));
}

BOOST_AUTO_TEST_CASE(p1_04_makes_pss_signature_of_hash) {
    SigningCard card;
    const Bytes hash = sha256(message);
    const Bytes first = card.sign(0x04, KeyUse::authentication, hash).data;
    BOOST_TEST(verifies(KeyUse::authentication, hash, first, RSA_PKCS1_PSS_PADDING));
    BOOST_TEST(first != card.sign(0x04, KeyUse::authentication, hash).data);
    BOOST_TEST(card.sign(0x04, KeyUse::authentication, Bytes(20)).sw == 0x6700U);
}

BOOST_AUTO_TEST_CASE(p1_05_hashes_and_makes_pss_signature) {
    SigningCard card;
    BOOST_TEST(
        verifies(KeyUse::signature, sha256(message), card.sign(0x05, KeyUse::signature, message).data, RSA_PKCS1_PSS_PADDING));
}

BOOST_AUTO_TEST_CASE(other_p1_answers_6a86_before_pin_check) {
    OpenCard card;
    for (const int p1 : {0x06, 0x0F, 0x80, 0xFF})
        BOOST_TEST(card.sign(static_cast<std::uint8_t>(p1), KeyUse::authentication, Bytes(32)).sw == 0x6A86U);
    BOOST_TEST(card.sign(0x04, KeyUse::authentication, Bytes(1)).sw == 0x6982U);
}

BOOST_AUTO_TEST_CASE(pin_check_precedes_p1_check_by_knob) {
    OpenCard card(with([](Knobs& k) { k.checks_pin_before_p1 = true; }));
    BOOST_TEST(card.sign(0x06, KeyUse::authentication, Bytes(32)).sw == 0x6982U);
    card.sw(verify_auth);
    BOOST_TEST(card.sign(0x06, KeyUse::authentication, Bytes(32)).sw == 0x6A86U);
}

BOOST_AUTO_TEST_CASE(card_without_pss_answers_6a86) {
    SigningCard card(with([](Knobs& k) { k.pss = false; }));
    BOOST_TEST(card.sign(0x04, KeyUse::authentication, Bytes(32)).sw == 0x6A86U);
    BOOST_TEST(card.sign(0x05, KeyUse::authentication, Bytes(32)).sw == 0x6A86U);
    BOOST_TEST(card.sign(0x02, KeyUse::authentication, Bytes(32)).sw == 0x9000U);
}

BOOST_AUTO_TEST_CASE(wrong_length_answers_6985_by_knob) {
    SigningCard card(with([](Knobs& k) { k.wrong_length_6985 = true; }));
    BOOST_TEST(card.sign(0x04, KeyUse::authentication, Bytes(20)).sw == 0x6985U);
    BOOST_TEST(card.sign(0x00, KeyUse::authentication, Bytes(246)).sw == 0x6985U);
}

BOOST_AUTO_TEST_CASE(each_key_needs_its_pin_and_one_login_allows_many_signatures) {
    OpenCard card;
    card.sw(verify_auth);
    BOOST_TEST(card.sign(0x00, KeyUse::signature, message).sw == 0x6982U);
    for (int i = 0; i < 3; ++i) BOOST_TEST(card.sign(0x00, KeyUse::authentication, message).sw == 0x9000U);
}

BOOST_AUTO_TEST_CASE(selected_key_signs_with_p2_80) {
    SigningCard card;
    BOOST_TEST(card.sw("802A0080 01 41 00") == 0x6986U);
    card.sw("00A4020C 02 001A");
    BOOST_TEST(opened(KeyUse::signature, card.send("802A0080 01 41 00").data) == type_1_block({0x41}));
    card.sw("00A4020C 02 001B");
    BOOST_TEST(card.sw("802A0080 01 41 00") == 0x6981U);
}

BOOST_AUTO_TEST_CASE(signing_needs_le_and_data) {
    SigningCard card;
    BOOST_TEST(card.sw("802A0097 01 41") == 0x6700U);
    BOOST_TEST(card.sw("802A0097 01 41 80") == 0x6700U);
    BOOST_TEST(card.sw("802A0097 00") == 0x6700U);
    BOOST_TEST(card.sw("802A0097") == 0x6700U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(t0)

BOOST_AUTO_TEST_CASE(signature_waits_for_get_response) {
    SigningCard card(with([](Knobs& k) { k.answers_61xx = true; }));
    BOOST_TEST(card.sw("802A0097 01 41") == 0x6100U);
    BOOST_TEST(opened(KeyUse::authentication, card.send("00C00000 00").data) == type_1_block({0x41}));
    BOOST_TEST(card.sw("00C00000 00") == 0x6985U);
}

BOOST_AUTO_TEST_CASE(get_response_reads_in_parts_and_another_command_discards_rest) {
    SigningCard card(with([](Knobs& k) { k.answers_61xx = true; }));
    card.sw("802A0097 01 41 00");
    const Answer first = card.send("00C00000 64");
    BOOST_TEST(first.data.size() == 100U);
    BOOST_TEST(first.sw == 0x619CU);
    BOOST_TEST(card.send("00C00000 9C").data.size() == 156U);
    card.sw("802A0097 01 41 00");
    card.sw("00200098");
    BOOST_TEST(card.sw("00C00000 00") == 0x6985U);
    BOOST_TEST(card.sw("00C00100 00") == 0x6A86U);
}

BOOST_AUTO_TEST_CASE(too_large_le_is_corrected) {
    SigningCard card(with([](Knobs& k) { k.answers_61xx = k.answers_6cxx = true; }));
    BOOST_TEST(card.sw("00B08800 00") == 0x6C03U);
    BOOST_TEST(card.send("00B08800 03").data == hex("8F8F00"));
    BOOST_TEST(card.sw("00B08800 02") == 0x9000U);
    BOOST_TEST(card.sw("00B08A00 00") == 0x9000U);
    card.sw("802A0097 01 41 00");
    card.sw("00C00000 F0");
    BOOST_TEST(card.sw("00C00000 00") == 0x6C10U);
    BOOST_TEST(card.send("00C00000 10").data.size() == 16U);
}

BOOST_AUTO_TEST_CASE(too_small_le_for_signature_is_corrected) {
    SigningCard card(with([](Knobs& k) { k.answers_6cxx = true; }));
    BOOST_TEST(card.sw("802A0097 01 41 80") == 0x6C00U);
    BOOST_TEST(card.sw("802A0097 01 41 00") == 0x9000U);
}

BOOST_AUTO_TEST_CASE(remembered_signature_is_given_only_for_same_key_and_input) {
    jpki::model::remember_signatures(true);
    for (int round = 0; round < 2; ++round) {
        OpenCard card;
        BOOST_REQUIRE_EQUAL(card.sw(verify_auth), 0x9000u);
        BOOST_REQUIRE_EQUAL(card.sw(verify_sign), 0x9000u);
        for (const KeyUse use : {KeyUse::authentication, KeyUse::signature})
            for (const Bytes& data : {hex("01"), hex("0102"), Bytes(200, 1)}) {
                const Answer answer = card.sign(0x00, use, data);
                BOOST_REQUIRE_EQUAL(answer.sw, 0x9000u);
                BOOST_CHECK(opened(use, answer.data) == type_1_block(data));
            }
        BOOST_CHECK(card.sign(0x05, KeyUse::authentication, hex("01")).data !=
                    card.sign(0x05, KeyUse::authentication, hex("01")).data);  // PSS has a random salt
    }
    jpki::model::remember_signatures(false);
}

BOOST_AUTO_TEST_SUITE_END()
