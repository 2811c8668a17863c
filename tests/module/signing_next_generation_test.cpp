// The next card as it is guessed (apdu/README.md, The next card): ECDSA on P-384. A rehearsal: it shows that the kind of key is
// data.
#include "card_kinds.hpp"
#include "fixture.hpp"
#include "log_file.hpp"
#include "openssl_pointers.hpp"
#include "pki_copy.hpp"
#include "test_pki.hpp"

#include <openssl/ec.h>
#include <openssl/objects.h>

#include <algorithm>
#include <cstring>

using namespace jpki::test;
using jpki::model::CardModel;
using jpki::model::KeyUse;

namespace {

std::shared_ptr<const TestPki> next_pki() {
    static const auto pki = [] {
        TestPki::Options options;
        options.p384 = true;
        return TestPki::make(options);
    }();
    return pki;
}

Knobs next_card() {
    Knobs knobs;
    jpki::model::find_card_kind("next-generation")->adjust(knobs);
    return knobs;
}

struct NextCard : Fixture {
    NextCard() : Fixture(next_card(), next_pki()) {}
    struct Token {
        CK_SLOT_ID slot;
        const Bytes& certificate;
    };
    std::vector<Token> tokens() const {
        return {{auth_slot, card->pki().authentication_certificate}, {sign_slot, card->pki().signature_certificate}};
    }
};

Bytes message(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
    return bytes;
}

Bytes ulong_bytes(CK_ULONG value) {
    Bytes bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

std::vector<CK_MECHANISM_TYPE> listed(CK_SLOT_ID slot) {
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetMechanismList(slot, nullptr, &count));
    std::vector<CK_MECHANISM_TYPE> types(count);
    REQUIRE_OK(C_GetMechanismList(slot, types.data(), &count));
    return types;
}

const std::vector<CK_MECHANISM_TYPE> of_the_key = {CKM_ECDSA,  CKM_ECDSA_SHA256, CKM_ECDSA_SHA384,
                                                   CKM_SHA256, CKM_SHA384,       CKM_SHA512};

CK_RV verify(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, Bytes data, Bytes signature) {
    CK_MECHANISM mechanism = {type, nullptr, 0};
    REQUIRE_OK(C_VerifyInit(session, &mechanism, find_class(session, CKO_PUBLIC_KEY).at(0)));
    return C_Verify(session, data.data(), static_cast<CK_ULONG>(data.size()), signature.data(),
                    static_cast<CK_ULONG>(signature.size()));
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(mechanisms_of_p384_key_are_ecdsa_alone_before_and_after_login, NextCard) {
    for (const Token& token : tokens()) {
        BOOST_CHECK(listed(token.slot) == of_the_key);
        CK_MECHANISM_INFO info{};
        for (const CK_MECHANISM_TYPE type : {CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384}) {
            REQUIRE_OK(C_GetMechanismInfo(token.slot, type, &info));
            BOOST_CHECK_EQUAL(info.ulMinKeySize, 384u);
            BOOST_CHECK_EQUAL(info.ulMaxKeySize, 384u);
            BOOST_CHECK_EQUAL(info.flags, CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS);
        }
        for (const CK_MECHANISM_TYPE type : {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS})
            CHECK_RV(C_GetMechanismInfo(token.slot, type, &info), CKR_MECHANISM_INVALID);
        open_logged_in(token.slot);
        BOOST_CHECK(listed(token.slot) == of_the_key);
    }
}

BOOST_AUTO_TEST_CASE(mechanism_information_as_first_call_equals_mechanism_list) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
        for (const CK_MECHANISM_TYPE type : {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA, CKM_SHA256}) {
            const NextCard f;
            CK_MECHANISM_INFO info{};
            const CK_RV first = C_GetMechanismInfo(slot, type, &info);
            const auto types = listed(slot);
            CHECK_RV(first, std::ranges::find(types, type) == types.end() ? CKR_MECHANISM_INVALID : CKR_OK);
        }
}

// A model that was not measured: the authentication certificate would show the key type.
BOOST_AUTO_TEST_CASE(file_without_certificate_leaves_mechanisms_of_usual_key_type) {
    const auto pki = copy_of_shared();
    pki->authentication_certificate = {0x30, 0x03, 0x02, 0x01, 0x05};  // an INTEGER in a SEQUENCE
    Knobs knobs;
    knobs.model = "E99X99XX";
    Fixture f(knobs, pki);
    const auto types = listed(auth_slot);
    BOOST_CHECK(std::find(types.begin(), types.end(), CKM_SHA256_RSA_PKCS) != types.end());
    BOOST_CHECK(std::find(types.begin(), types.end(), CKM_ECDSA) == types.end());
}

BOOST_AUTO_TEST_CASE(rsa_card_offers_no_ecdsa) {
    const Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        CK_MECHANISM_INFO info{};
        for (const CK_MECHANISM_TYPE type : {CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384}) {
            CHECK_RV(C_GetMechanismInfo(slot, type, &info), CKR_MECHANISM_INVALID);
            const auto types = listed(slot);
            BOOST_CHECK(std::ranges::find(types, type) == types.end());
        }
    }
}

BOOST_FIXTURE_TEST_CASE(keys_have_attributes_of_ec_keys_and_none_of_rsa_keys, NextCard) {
    for (const Token& token : tokens()) {
        const auto session = open_logged_in(token.slot);
        const auto private_key = find_class(session, CKO_PRIVATE_KEY).at(0),
                   public_key = find_class(session, CKO_PUBLIC_KEY).at(0);
        const unsigned char* at = token.certificate.data();
        const jpki::model::CertificatePointer x509(d2i_X509(nullptr, &at, static_cast<long>(token.certificate.size())));
        Bytes point(97);
        std::size_t size = 0;
        BOOST_REQUIRE_EQUAL(
            EVP_PKEY_get_octet_string_param(X509_get0_pubkey(x509.get()), "encoded-pub-key", point.data(), point.size(), &size),
            1);
        BOOST_REQUIRE_EQUAL(size, point.size());
        point.insert(point.begin(), {0x04, 97});  // DER OCTET STRING
        Bytes curve(7);
        unsigned char* out = curve.data();
        BOOST_REQUIRE_EQUAL(i2d_ASN1_OBJECT(OBJ_nid2obj(NID_secp384r1), &out), 7);
        for (const auto key : {private_key, public_key}) {
            BOOST_CHECK(attribute(session, key, CKA_KEY_TYPE) == ulong_bytes(CKK_EC));
            BOOST_CHECK(attribute(session, key, CKA_EC_PARAMS) == curve);
            BOOST_CHECK(attribute(session, key, CKA_KEY_GEN_MECHANISM) == ulong_bytes(CKM_EC_KEY_PAIR_GEN));
            for (const CK_ATTRIBUTE_TYPE type : {CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_MODULUS_BITS, CKA_PRIVATE_EXPONENT}) {
                CK_ATTRIBUTE rsa = {type, nullptr, 0};
                CHECK_RV(C_GetAttributeValue(session, key, &rsa, 1), CKR_ATTRIBUTE_TYPE_INVALID);
            }
        }
        BOOST_CHECK(attribute(session, public_key, CKA_EC_POINT) == point);
        CK_ATTRIBUTE value = {CKA_VALUE, nullptr, 0};  // d, the private value
        CHECK_RV(C_GetAttributeValue(session, private_key, &value, 1), CKR_ATTRIBUTE_SENSITIVE);
        CHECK_RV(C_GetAttributeValue(session, public_key, &value, 1), CKR_ATTRIBUTE_TYPE_INVALID);
        CK_ATTRIBUTE q = {CKA_EC_POINT, nullptr, 0};
        CHECK_RV(C_GetAttributeValue(session, private_key, &q, 1), CKR_ATTRIBUTE_TYPE_INVALID);
        const Bytes allowed = attribute(session, private_key, CKA_ALLOWED_MECHANISMS);
        BOOST_CHECK_EQUAL(allowed.size(), 3 * sizeof(CK_MECHANISM_TYPE));
    }
}

BOOST_FIXTURE_TEST_CASE(p384_key_has_no_modulus_before_anything_was_read, NextCard) {
    const auto session = open_logged_in(auth_slot);
    CK_ATTRIBUTE modulus = {CKA_MODULUS, nullptr, 0};
    CHECK_RV(C_GetAttributeValue(session, find_key(session), &modulus, 1), CKR_ATTRIBUTE_TYPE_INVALID);
}

BOOST_FIXTURE_TEST_CASE(key_is_found_by_its_type, NextCard) {
    const auto session = open_logged_in(auth_slot);
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE ec = CKK_EC, rsa = CKK_RSA;
    BOOST_CHECK_EQUAL(find(session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_KEY_TYPE, &rsa, sizeof rsa}}).size(),
                      0u);
    BOOST_CHECK_EQUAL(find(session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_KEY_TYPE, &ec, sizeof ec}}).size(),
                      1u);
}

BOOST_FIXTURE_TEST_CASE(signatures_of_data_of_every_length_are_verified_by_openssl_and_by_module, NextCard) {
    for (const Token& token : tokens()) {
        const auto session = open_logged_in(token.slot);
        const auto key = find_key(session);
        const auto check = [&](CK_MECHANISM_TYPE type, const Bytes& data) {
            Bytes signature = signed_by(session, key, type, data);
            BOOST_CHECK_EQUAL(signature.size(), 96u);
            BOOST_CHECK(openssl_verifies(token.certificate, type, data, signature));
            CHECK_RV(verify(session, type, data, signature), CKR_OK);
            Bytes longer = signature;
            longer.push_back(0);
            CHECK_RV(verify(session, type, data, longer), CKR_SIGNATURE_LEN_RANGE);
            signature[40] ^= 1;
            CHECK_RV(verify(session, type, data, signature), CKR_SIGNATURE_INVALID);
        };
        for (const std::size_t size : {0u, 1u, 47u, 48u, 5000u})
            for (const CK_MECHANISM_TYPE type : {CKM_ECDSA_SHA256, CKM_ECDSA_SHA384}) check(type, message(size));
        // A hash: a short one is a small number, of a long one the leftmost 384 bits count.
        for (const std::size_t size : {1u, 20u, 32u, 47u, 48u, 49u, 64u}) check(CKM_ECDSA, message(size));
        Bytes signature;
        CHECK_RV(sign(session, key, CKM_ECDSA, message(65), signature), CKR_DATA_LEN_RANGE);
        CHECK_RV(sign(session, key, CKM_ECDSA, {}, signature), CKR_DATA_LEN_RANGE);
        CHECK_RV(sign(session, key, CKM_SHA256_RSA_PKCS, message(3), signature), CKR_MECHANISM_INVALID);
    }
}

BOOST_FIXTURE_TEST_CASE(signature_length_is_returned_before_signing, NextCard) {
    const auto session = open_logged_in(auth_slot);
    CK_MECHANISM mechanism = {CKM_ECDSA, nullptr, 0};
    REQUIRE_OK(C_SignInit(session, &mechanism, find_key(session)));
    Bytes hash = message(48), signature(96);
    CK_ULONG length = 0;
    REQUIRE_OK(C_Sign(session, hash.data(), 48, nullptr, &length));
    BOOST_CHECK_EQUAL(length, 96u);
    length = 95;
    CHECK_RV(C_Sign(session, hash.data(), 48, signature.data(), &length), CKR_BUFFER_TOO_SMALL);
    BOOST_CHECK_EQUAL(length, 96u);
    BOOST_CHECK_EQUAL(card->counts().signatures[0], 0u);
    REQUIRE_OK(C_Sign(session, hash.data(), 48, signature.data(), &length));
    BOOST_CHECK(openssl_verifies(card->pki().authentication_certificate, CKM_ECDSA, hash, signature));
}

// The optimism that saves the reading of an RSA card's certificate must not let a wrong signature out.
BOOST_FIXTURE_TEST_CASE(rsa_mechanism_before_anything_was_read_gives_no_signature, NextCard) {
    const auto session = open_logged_in(auth_slot);
    Bytes signature;
    CHECK_RV(sign(session, find_key(session), CKM_RSA_PKCS, message(48), signature), CKR_DEVICE_ERROR);
    BOOST_CHECK(signature.empty() || signature == Bytes(signature.size()));
}

BOOST_FIXTURE_TEST_CASE(corrupted_answer_is_not_returned_as_signature, NextCard) {
    const auto session = open_logged_in(sign_slot);
    const auto key = find_key(session);
    for (const auto kind : {jpki::model::Fault::Kind::bits_flipped, jpki::model::Fault::Kind::truncated}) {
        card->inject({kind, 0});
        Bytes signature;
        CHECK_RV(sign(session, key, CKM_ECDSA_SHA384, message(10), signature), CKR_DEVICE_ERROR);
    }
    BOOST_CHECK(openssl_verifies(card->pki().signature_certificate, CKM_ECDSA_SHA384, message(10),
                                 signed_by(session, key, CKM_ECDSA_SHA384, message(10))));
}
