// Keys and certificates made with OpenSSL's X509 and EVP_PKEY, for tests of code that reads and verifies without them.
#pragma once

#include "apdu/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string>

namespace jpki::test {

template <auto free> struct Freed {
    template <class T> void operator()(T* object) const noexcept { free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using X509Pointer = std::unique_ptr<X509, Freed<X509_free>>;

inline Key rsa_key(unsigned bits) {
    Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits)));
    BOOST_REQUIRE(key != nullptr);
    return key;
}
// A key whose modulus has exactly this many bits, which OpenSSL's generator does not make for odd numbers.
inline Key odd_rsa_key(unsigned bits) {
    const auto number = [] { return std::unique_ptr<BIGNUM, Freed<BN_free>>(BN_new()); };
    const std::unique_ptr<BN_CTX, Freed<BN_CTX_free>> context(BN_CTX_new());
    const auto p = number(), q = number(), n = number(), e = number(), d = number(), phi = number();
    BN_set_word(e.get(), 65537);
    do {
        BOOST_REQUIRE(BN_generate_prime_ex(p.get(), static_cast<int>(bits / 2), 0, nullptr, nullptr, nullptr) == 1);
        BOOST_REQUIRE(BN_generate_prime_ex(q.get(), static_cast<int>(bits - bits / 2), 0, nullptr, nullptr, nullptr) == 1);
        BN_mul(n.get(), p.get(), q.get(), context.get());
        BN_sub(phi.get(), n.get(), p.get());
        BN_sub(phi.get(), phi.get(), q.get());
        BN_add_word(phi.get(), 1);
    } while (BN_num_bits(n.get()) != static_cast<int>(bits) || !BN_mod_inverse(d.get(), e.get(), phi.get(), context.get()));
    const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d.get());
    const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> key_context(
        EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    BOOST_REQUIRE(EVP_PKEY_fromdata_init(key_context.get()) == 1 &&
                  EVP_PKEY_fromdata(key_context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) == 1);
    return Key(key);
}
inline Key ec_key(const char* curve) {
    Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
    BOOST_REQUIRE(key != nullptr);
    return key;
}
inline Key ed25519_key() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

// What i2d writes of an object.
template <class T> Bytes der_of(const T* object, int (*i2d)(const T*, unsigned char**)) {
    unsigned char* out = nullptr;
    const int size = i2d(object, &out);
    BOOST_REQUIRE(size > 0);
    Bytes bytes(out, out + size);
    OPENSSL_free(out);
    return bytes;
}

struct CertificateOptions {
    const char* hash = "SHA256";  // NULL: a signature algorithm without one (Ed25519)
    const char *not_before = "20200101000000Z", *not_after = "20300630235959Z";  // as ASN1_TIME_set_string takes them
    long version = 2, serial_number = 0x1234567;
    bool pss = false;
};

inline X509Pointer make_certificate(EVP_PKEY* subject_key, EVP_PKEY* issuer_key, const CertificateOptions& options = {}) {
    X509Pointer certificate(X509_new());
    BOOST_REQUIRE(certificate != nullptr);
    X509* const x = certificate.get();
    X509_set_version(x, options.version);
    ASN1_INTEGER_set(X509_get_serialNumber(x), options.serial_number);
    BOOST_REQUIRE(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), options.not_before) == 1);
    BOOST_REQUIRE(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), options.not_after) == 1);
    const auto name = [](X509_NAME* of, const char* text) {
        X509_NAME_add_entry_by_txt(of, "C", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("JP"), -1, -1, 0);
        X509_NAME_add_entry_by_txt(of, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text), -1, -1, 0);
    };
    name(X509_get_subject_name(x), "holder");
    name(X509_get_issuer_name(x), "issuer");
    BOOST_REQUIRE(X509_set_pubkey(x, subject_key) == 1);
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* key_context = nullptr;
    BOOST_REQUIRE(EVP_DigestSignInit_ex(context, &key_context, options.hash, nullptr, nullptr, issuer_key, nullptr) == 1);
    if (options.pss) BOOST_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1);
    BOOST_REQUIRE(X509_sign_ctx(x, context) > 0);
    EVP_MD_CTX_free(context);
    return certificate;
}

// NULL if OpenSSL does not accept it as exactly one certificate.
inline X509Pointer openssl_reads(ByteView der) {
    const unsigned char* at = der.data();
    X509Pointer certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (certificate && at != der.data() + der.size()) certificate.reset();
    return certificate;
}

}  // namespace jpki::test
