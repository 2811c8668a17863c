// Keys and certificates made with OpenSSL's X509 and EVP_PKEY, for tests of code that reads and verifies without them.
#pragma once

#include "apdu/bytes.hpp"

#include <boost/test/unit_test.hpp>

#include "kept_keys.hpp"

#include <map>
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

// Each call of one process gives another key. They are the same in each run (kept_keys.hpp).
inline Key next_kept_key(const std::string& kind, const std::function<EVP_PKEY*()>& generate) {
    static std::map<std::string, unsigned> given;
    Key key(model::kept_key(kind + "-" + std::to_string(++given[kind]), generate));
    BOOST_REQUIRE(key != nullptr);
    return key;
}
inline Key rsa_key(unsigned bits) {
    return next_kept_key("rsa-" + std::to_string(bits),
                         [&] { return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits)); });
}

using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
inline Number number() { return Number(BN_new()); }

// A private key of the primes p and q; NULL when e has no inverse.
inline EVP_PKEY* rsa_key_of_primes(const BIGNUM* p, const BIGNUM* q, const BIGNUM* e) {
    const std::unique_ptr<BN_CTX, Freed<BN_CTX_free>> context(BN_CTX_new());
    const Number n = number(), d = number(), p1 = number(), q1 = number(), phi = number(), dp = number(), dq = number(),
                 inverse = number();
    BN_mul(n.get(), p, q, context.get());
    BN_sub(p1.get(), p, BN_value_one());
    BN_sub(q1.get(), q, BN_value_one());
    BN_mul(phi.get(), p1.get(), q1.get(), context.get());
    if (!BN_mod_inverse(d.get(), e, phi.get(), context.get())) return nullptr;
    BN_mod(dp.get(), d.get(), p1.get(), context.get());
    BN_mod(dq.get(), d.get(), q1.get(), context.get());
    BN_mod_inverse(inverse.get(), q, p, context.get());
    const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
    const std::pair<const char*, const BIGNUM*> parts[] = {
        {OSSL_PKEY_PARAM_RSA_N, n.get()},          {OSSL_PKEY_PARAM_RSA_E, e},
        {OSSL_PKEY_PARAM_RSA_D, d.get()},          {OSSL_PKEY_PARAM_RSA_FACTOR1, p},
        {OSSL_PKEY_PARAM_RSA_FACTOR2, q},          {OSSL_PKEY_PARAM_RSA_EXPONENT1, dp.get()},
        {OSSL_PKEY_PARAM_RSA_EXPONENT2, dq.get()}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, inverse.get()}};
    for (const auto& [name, value] : parts) OSSL_PARAM_BLD_push_BN(builder.get(), name, value);
    const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> key_context(
        EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* key = nullptr;
    BOOST_REQUIRE(EVP_PKEY_fromdata_init(key_context.get()) == 1 &&
                  EVP_PKEY_fromdata(key_context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) == 1);
    return key;
}
// A key whose modulus has exactly this many bits, which OpenSSL's generator does not make for odd numbers.
inline Key odd_rsa_key(unsigned bits) {
    return next_kept_key("odd-rsa-" + std::to_string(bits), [&] {
        const Number p = number(), q = number(), e = number();
        BN_set_word(e.get(), 65537);
        for (;;) {
            BOOST_REQUIRE(BN_generate_prime_ex(p.get(), static_cast<int>(bits / 2), 0, nullptr, nullptr, nullptr) == 1);
            BOOST_REQUIRE(BN_generate_prime_ex(q.get(), static_cast<int>(bits - bits / 2), 0, nullptr, nullptr, nullptr) == 1);
            EVP_PKEY* key = rsa_key_of_primes(p.get(), q.get(), e.get());
            if (key && EVP_PKEY_get_bits(key) == static_cast<int>(bits)) return key;
            EVP_PKEY_free(key);
        }
    });
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
    // A copy is set: in OpenSSL 4 the names of a certificate are const.
    const auto set_name = [x](int (*set)(X509*, const X509_NAME*), const char* text) {
        X509_NAME* const name = X509_NAME_new();
        BOOST_REQUIRE(name != nullptr);
        X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("JP"), -1, -1, 0);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text), -1, -1, 0);
        BOOST_REQUIRE(set(x, name) == 1);
        X509_NAME_free(name);
    };
    set_name(X509_set_subject_name, "holder");
    set_name(X509_set_issuer_name, "issuer");
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
