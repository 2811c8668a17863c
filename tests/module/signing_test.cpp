// Signatures with every mechanism, in one part and in many, at the limits of their data; OpenSSL verifies each.
#include "fixture.hpp"

#include <map>

using namespace jpki::test;

namespace {

constexpr CK_MECHANISM_TYPE hashing[] = {CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS};

Bytes message(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
    return bytes;
}

CK_MECHANISM mechanism_of(CK_MECHANISM_TYPE type) {
    if (type == CKM_RSA_PKCS_PSS || type == CKM_SHA256_RSA_PKCS_PSS) return pss_mechanism(type);
    return {type, nullptr, 0};
}

CK_RV sign_in_parts(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type, const Bytes& data, std::size_t part,
                    Bytes& signature) {
    CK_MECHANISM mechanism = mechanism_of(type);
    REQUIRE_OK(C_SignInit(session, &mechanism, key));
    Bytes copy = data;
    for (std::size_t at = 0; at < copy.size(); at += part) {
        const CK_RV rv = C_SignUpdate(session, copy.data() + at, static_cast<CK_ULONG>(std::min(part, copy.size() - at)));
        if (rv != CKR_OK) return rv;
    }
    signature.assign(256, 0);
    CK_ULONG length = 256;
    return C_SignFinal(session, signature.data(), &length);
}

struct Signer : Fixture {
    struct Token {
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE key;
        const Bytes& certificate;
    };
    Token auth = token(auth_slot), sign = token(sign_slot);
    Token token(CK_SLOT_ID slot) {
        const auto session = open_logged_in(slot);
        return {session, find_key(session),
                slot == auth_slot ? card->pki().authentication_certificate : card->pki().signature_certificate};
    }
    std::vector<const Token*> both() const { return {&auth, &sign}; }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(mechanisms_that_hash_take_data_of_any_length, Signer) {
    for (const Token* token : both())
        for (const CK_MECHANISM_TYPE type : hashing)
            for (const std::size_t size : {0u, 1u, 31u, 32u, 33u, 245u, 246u, 255u, 256u, 5000u})
                BOOST_TEST_CONTEXT("mechanism " << type << ", " << size << " bytes") {
                    const Bytes data = message(size);
                    BOOST_CHECK(
                        openssl_verifies(token->certificate, type, data, signed_by(token->session, token->key, type, data)));
                }
}

BOOST_FIXTURE_TEST_CASE(one_part_and_many_parts_give_same_signature, Signer) {
    for (const Token* token : both())
        for (const CK_MECHANISM_TYPE type : hashing)
            for (const std::size_t part : {1u, 64u, 99u}) {
                const Bytes data = message(300);
                Bytes signature;
                REQUIRE_OK(sign_in_parts(token->session, token->key, type, data, part, signature));
                BOOST_CHECK(openssl_verifies(token->certificate, type, data, signature));
            }
    for (const std::size_t part : {1u, 10u, 51u}) {  // buffered: pkcs11-tool --test needs it
        const Bytes info = digest_info_sha256(message(10));
        Bytes signature;
        REQUIRE_OK(sign_in_parts(auth.session, auth.key, CKM_RSA_PKCS, info, part, signature));
        BOOST_CHECK(openssl_verifies(auth.certificate, CKM_RSA_PKCS, info, signature));
        const Bytes hash = message(32);
        REQUIRE_OK(sign_in_parts(auth.session, auth.key, CKM_RSA_PKCS_PSS, hash, part, signature));
        BOOST_CHECK(openssl_verifies(auth.certificate, CKM_RSA_PKCS_PSS, hash, signature));
    }
}

BOOST_FIXTURE_TEST_CASE(empty_parts_and_no_parts_sign_empty_data, Signer) {
    CK_MECHANISM mechanism = mechanism_of(CKM_SHA256_RSA_PKCS);
    Bytes signature(256);
    CK_ULONG length = 256;
    REQUIRE_OK(C_SignInit(auth.session, &mechanism, auth.key));
    REQUIRE_OK(C_SignFinal(auth.session, signature.data(), &length));
    BOOST_CHECK(openssl_verifies(auth.certificate, CKM_SHA256_RSA_PKCS, {}, signature));
    REQUIRE_OK(C_SignInit(auth.session, &mechanism, auth.key));
    REQUIRE_OK(C_SignUpdate(auth.session, nullptr, 0));
    REQUIRE_OK(C_SignFinal(auth.session, signature.data(), &length));
    BOOST_CHECK(openssl_verifies(auth.certificate, CKM_SHA256_RSA_PKCS, {}, signature));
}

BOOST_FIXTURE_TEST_CASE(pkcs1_without_hash_takes_1_to_245_bytes_and_sends_no_other_length, Signer) {
    for (const Token* token : both()) {
        for (const std::size_t size : {1u, 20u, 32u, 51u, 244u, 245u}) {
            const Bytes data = message(size);
            BOOST_CHECK(openssl_verifies(token->certificate, CKM_RSA_PKCS, data,
                                         signed_by(token->session, token->key, CKM_RSA_PKCS, data)));
        }
        card->reset_counts();
        for (const std::size_t size : {0u, 246u, 255u, 256u, 257u, 70000u}) {
            Bytes signature;
            CHECK_RV(jpki::test::sign(token->session, token->key, CKM_RSA_PKCS, message(size), signature), CKR_DATA_LEN_RANGE);
            CHECK_RV(sign_in_parts(token->session, token->key, CKM_RSA_PKCS, message(size), 50, signature), CKR_DATA_LEN_RANGE);
        }
        BOOST_CHECK_EQUAL(card->counts().commands, 0u);
    }
}

BOOST_FIXTURE_TEST_CASE(pss_without_hash_takes_sha256_hash_and_sends_no_other_length, Signer) {
    for (const Token* token : both()) {
        const Bytes hash = message(32);
        BOOST_CHECK(openssl_verifies(token->certificate, CKM_RSA_PKCS_PSS, hash,
                                     signed_by(token->session, token->key, CKM_RSA_PKCS_PSS, hash)));
        card->reset_counts();
        for (const std::size_t size : {0u, 1u, 20u, 31u, 33u, 48u, 64u, 245u, 5000u}) {
            Bytes signature;
            CHECK_RV(jpki::test::sign(token->session, token->key, CKM_RSA_PKCS_PSS, message(size), signature),
                     CKR_DATA_LEN_RANGE);
        }
        BOOST_CHECK_EQUAL(card->counts().commands, 0u);
    }
}

BOOST_FIXTURE_TEST_CASE(sha1_and_other_hashes_are_signed_by_pkcs1_without_hash_with_their_digest_info, Signer) {
    // As TLS and OpenSSH with old servers do; the module does not check what is padded.
    Bytes sha1 = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
    sha1.resize(35, 0x77);
    for (const Bytes& info : {sha1, message(36)})  // and TLS 1.1's MD5 and SHA-1 together
        BOOST_CHECK(
            openssl_verifies(auth.certificate, CKM_RSA_PKCS, info, signed_by(auth.session, auth.key, CKM_RSA_PKCS, info)));
}

BOOST_FIXTURE_TEST_CASE(mechanisms_without_parameter_reject_one, Signer) {
    Bytes parameter(16);
    for (const CK_MECHANISM_TYPE type : {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS}) {
        CK_MECHANISM with = {type, parameter.data(), static_cast<CK_ULONG>(parameter.size())};
        CHECK_RV(C_SignInit(auth.session, &with, auth.key), CKR_MECHANISM_PARAM_INVALID);
        with = {type, nullptr, 16};
        CHECK_RV(C_SignInit(auth.session, &with, auth.key), CKR_MECHANISM_PARAM_INVALID);
        // A pointer to zero bytes is ignored: some programs leave one there.
        with = {type, parameter.data(), 0};
        CHECK_RV(C_SignInit(auth.session, &with, auth.key), CKR_OK);
        CHECK_RV(C_SessionCancel(auth.session, CKF_SIGN), CKR_OK);
    }
}

BOOST_FIXTURE_TEST_CASE(two_sessions_sign_their_own_data, Signer) {
    const auto second = open(auth_slot);
    CK_MECHANISM mechanism = mechanism_of(CKM_SHA256_RSA_PKCS);
    Bytes one = message(100), two = message(200), signature(256);
    CK_ULONG length = 256;
    REQUIRE_OK(C_SignInit(auth.session, &mechanism, auth.key));
    REQUIRE_OK(C_SignInit(second, &mechanism, auth.key));
    REQUIRE_OK(C_SignUpdate(auth.session, one.data(), 50));
    REQUIRE_OK(C_SignUpdate(second, two.data(), 200));
    REQUIRE_OK(C_SignUpdate(auth.session, one.data() + 50, 50));
    REQUIRE_OK(C_SignFinal(second, signature.data(), &length));
    BOOST_CHECK(openssl_verifies(auth.certificate, CKM_SHA256_RSA_PKCS, two, signature));
    REQUIRE_OK(C_SignFinal(auth.session, signature.data(), &length));
    BOOST_CHECK(openssl_verifies(auth.certificate, CKM_SHA256_RSA_PKCS, one, signature));
}

BOOST_AUTO_TEST_CASE(private_key_is_not_usable_without_login) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        const auto key = find_key(session);
        REQUIRE_OK(C_Logout(session));
        f.card->reset_counts();
        Bytes signature;
        CHECK_RV(sign(session, key, CKM_RSA_PKCS, message(32), signature), CKR_KEY_HANDLE_INVALID);
        BOOST_CHECK_EQUAL(f.card->counts().commands, 0u);
    }
}
