// Verification in software with the card's public key: right and wrong signatures and lengths, without a command.
#include "fixture.hpp"

#include <openssl/evp.h>
#include <openssl/rsa.h>

using namespace jpki::test;

namespace {

constexpr CK_MECHANISM_TYPE all[] = {CKM_RSA_PKCS,        CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS,
                                     CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS,    CKM_SHA256_RSA_PKCS_PSS};

CK_MECHANISM mechanism_of(CK_MECHANISM_TYPE type) {
    if (type == CKM_RSA_PKCS_PSS || type == CKM_SHA256_RSA_PKCS_PSS) return pss_mechanism(type);
    return {type, nullptr, 0};
}

struct Verifier : Fixture {
    CK_SESSION_HANDLE session = open_logged_in(auth_slot);
    CK_OBJECT_HANDLE key = find_key(session);
    CK_OBJECT_HANDLE public_key = find_class(session, CKO_PUBLIC_KEY).at(0);
    Bytes data = Bytes(32, 0x42);

    CK_RV verify(CK_MECHANISM_TYPE type, Bytes text, Bytes signature) {
        CK_MECHANISM mechanism = mechanism_of(type);
        REQUIRE_OK(C_VerifyInit(session, &mechanism, public_key));
        unsigned char nothing = 0;
        return C_Verify(session, text.data(), static_cast<CK_ULONG>(text.size()), signature.empty() ? &nothing : signature.data(),
                        static_cast<CK_ULONG>(signature.size()));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(right_signatures_verify_in_one_part_and_in_many_without_card, Verifier) {
    for (const auto type : all) {
        Bytes signature = signed_by(session, key, type, data);
        card->reset_counts();
        CHECK_RV(verify(type, data, signature), CKR_OK);
        CK_MECHANISM mechanism = mechanism_of(type);
        REQUIRE_OK(C_VerifyInit(session, &mechanism, public_key));
        for (std::size_t i = 0; i < data.size(); i += 8) CHECK_RV(C_VerifyUpdate(session, data.data() + i, 8), CKR_OK);
        CHECK_RV(C_VerifyFinal(session, signature.data(), 256), CKR_OK);
        BOOST_CHECK_EQUAL(card->counts().commands, 0u);
    }
}

BOOST_FIXTURE_TEST_CASE(signature_with_any_flipped_bit_does_not_verify, Verifier) {
    for (const auto type : all) {
        const Bytes signature = signed_by(session, key, type, data);
        for (const std::size_t at : {0u, 1u, 127u, 254u, 255u})
            for (const int bit : {0x01, 0x80}) {
                Bytes wrong = signature;
                wrong[at] = static_cast<std::uint8_t>(wrong[at] ^ bit);
                CHECK_RV(verify(type, data, wrong), CKR_SIGNATURE_INVALID);
            }
        Bytes other = data;
        other[5] ^= 1;
        CHECK_RV(verify(type, other, signature), CKR_SIGNATURE_INVALID);
        CHECK_RV(verify(type, data, Bytes(256, 0x00)), CKR_SIGNATURE_INVALID);
        CHECK_RV(verify(type, data, Bytes(256, 0xFF)), CKR_SIGNATURE_INVALID);
        CHECK_RV(verify(type, data, signature), CKR_OK);
    }
}

BOOST_FIXTURE_TEST_CASE(signature_of_another_mechanism_or_key_does_not_verify, Verifier) {
    const auto other = open_logged_in(sign_slot);
    CHECK_RV(verify(CKM_SHA256_RSA_PKCS, data, signed_by(other, find_key(other), CKM_SHA256_RSA_PKCS, data)),
             CKR_SIGNATURE_INVALID);
    const Bytes signature = signed_by(session, key, CKM_SHA256_RSA_PKCS, data);
    for (const auto type : all)
        if (type != CKM_SHA256_RSA_PKCS) CHECK_RV(verify(type, data, signature), CKR_SIGNATURE_INVALID);
}

BOOST_FIXTURE_TEST_CASE(signature_is_256_bytes_long, Verifier) {
    const Bytes signature = signed_by(session, key, CKM_SHA256_RSA_PKCS, data);
    for (const std::size_t size : {0u, 1u, 128u, 255u, 257u, 512u, 70000u}) {
        Bytes wrong = signature;
        wrong.resize(size);
        CHECK_RV(verify(CKM_SHA256_RSA_PKCS, data, wrong), CKR_SIGNATURE_LEN_RANGE);
    }
}

BOOST_FIXTURE_TEST_CASE(data_that_mechanism_cannot_take_is_rejected, Verifier) {
    const Bytes signature = signed_by(session, key, CKM_SHA256_RSA_PKCS, data);
    for (const std::size_t size : {0u, 246u, 1000u}) CHECK_RV(verify(CKM_RSA_PKCS, Bytes(size), signature), CKR_DATA_LEN_RANGE);
    for (const std::size_t size : {0u, 31u, 33u, 1000u})
        CHECK_RV(verify(CKM_RSA_PKCS_PSS, Bytes(size), signature), CKR_DATA_LEN_RANGE);
}

BOOST_FIXTURE_TEST_CASE(signatures_made_by_openssl_verify_but_not_with_another_salt, Verifier) {
    const auto made_with_salt = [&](int salt) {
        EVP_PKEY* pkey = card->pki().authentication_key;
        const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(pkey, nullptr),
                                                                                  &EVP_PKEY_CTX_free);
        Bytes signature(256);
        std::size_t size = signature.size();
        BOOST_REQUIRE(EVP_PKEY_sign_init(context.get()) == 1 &&
                      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
                      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
                      EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), salt) == 1 &&
                      EVP_PKEY_sign(context.get(), signature.data(), &size, data.data(), data.size()) == 1);
        return signature;
    };
    CHECK_RV(verify(CKM_RSA_PKCS_PSS, data, made_with_salt(32)), CKR_OK);
    for (const int salt : {0, 20, 31, 33, 64})
        CHECK_RV(verify(CKM_RSA_PKCS_PSS, data, made_with_salt(salt)), CKR_SIGNATURE_INVALID);
}

BOOST_AUTO_TEST_CASE(authentication_slot_verifies_without_login) {
    Fixture f;
    Bytes data(10, 1), signature;
    {
        const auto session = f.open_logged_in(auth_slot);
        signature = signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, data);
        REQUIRE_OK(C_CloseSession(session));
    }
    const auto session = f.open(auth_slot);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    REQUIRE_OK(C_VerifyInit(session, &mechanism, find_class(session, CKO_PUBLIC_KEY).at(0)));
    CHECK_RV(C_Verify(session, data.data(), 10, signature.data(), 256), CKR_OK);
}
