// A host may have made an ENGINE the default for everything (default_algorithms = ALL in openssl.cnf): it is never used.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "apdu/certificate.hpp"
#include "apdu/signature_check.hpp"

#include "openssl_certificates.hpp"
#include "test_pki.hpp"

#include <openssl/ec.h>
#include <openssl/engine.h>
#include <optional>

using namespace jpki;
using namespace jpki::test;

namespace {

int asked;  // how often the engine was used, for anything

// A default for RSA and EC keys, for operations with keys and for SHA-2, for as long as it lives.
class DefaultEngine {
public:
    DefaultEngine() {
        BOOST_REQUIRE(engine_ && rsa_ && ec_);
        RSA_meth_set_init(rsa_, [](RSA*) { return ++asked, 1; });
        EC_KEY_METHOD_set_init(
            ec_, [](EC_KEY*) { return ++asked, 1; }, nullptr, nullptr, nullptr, nullptr, nullptr);
        ENGINE_set_id(engine_, "counting");
        ENGINE_set_name(engine_, "counts how often it is asked");
        ENGINE_set_init_function(engine_, [](ENGINE*) { return 1; });
        ENGINE_set_RSA(engine_, rsa_);
        ENGINE_set_EC(engine_, ec_);
        ENGINE_set_pkey_meths(engine_, key_methods);
        ENGINE_set_digests(engine_, digests);
        BOOST_REQUIRE(ENGINE_set_default(engine_, ENGINE_METHOD_ALL) == 1);
        asked = 0;
    }
    ~DefaultEngine() {
        ENGINE_unregister_RSA(engine_);
        ENGINE_unregister_EC(engine_);
        ENGINE_unregister_pkey_meths(engine_);
        ENGINE_unregister_digests(engine_);
        ENGINE_free(engine_);
        RSA_meth_free(rsa_);
        EC_KEY_METHOD_free(ec_);
    }
    DefaultEngine(const DefaultEngine&) = delete;
    DefaultEngine& operator=(const DefaultEngine&) = delete;

private:
    static int key_methods(ENGINE*, EVP_PKEY_METHOD** method, const int** kinds, int kind) {
        static const int all[] = {EVP_PKEY_RSA, EVP_PKEY_EC};
        if (!method) return *kinds = all, 2;
        ++asked;
        *method = const_cast<EVP_PKEY_METHOD*>(EVP_PKEY_meth_find(kind));
        return 1;
    }
    static int digests(ENGINE*, const EVP_MD** digest, const int** kinds, int kind) {
        static const int all[] = {NID_sha256, NID_sha384, NID_sha512};
        if (!digest) return *kinds = all, 3;
        ++asked;
        *digest = EVP_get_digestbynid(kind);
        return 1;
    }

    ENGINE* engine_ = ENGINE_new();
    RSA_METHOD* rsa_ = RSA_meth_dup(RSA_get_default_method());
    EC_KEY_METHOD* ec_ = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
};

}  // namespace

BOOST_AUTO_TEST_SUITE(engine)

BOOST_AUTO_TEST_CASE(hosts_default_engine_is_never_used_for_key_hash_or_signature) {
    const Key curve_key = ec_key("P-384");
    const auto pki = model::TestPki::shared();
    const Bytes curve_der = der_of<X509>(make_certificate(curve_key.get(), curve_key.get()).get(), i2d_X509);
    std::optional<DefaultEngine> engine(std::in_place);
    {
        const CryptoContext context;
        const auto certificate = parse_certificate(pki->signature_certificate), ca = parse_certificate(pki->signature_ca);
        const auto curve = parse_certificate(curve_der);
        BOOST_REQUIRE(certificate && ca && curve);
        BOOST_CHECK(is_signed_by(context, *certificate, *ca));
        BOOST_CHECK(is_signed_by(context, *curve, *curve));
        for (const Hash hash : all_hashes) BOOST_CHECK_EQUAL(context.hash(hash, Bytes(100)).size(), size_of(hash));
        context.hmac_sha256(Bytes(32), Bytes(4));
        BOOST_CHECK(!verify_rsa_pss(context, ca->key, Hash::sha256, Bytes(32), Bytes(256, 1)));
        BOOST_CHECK(!verify_rsa_pkcs1(context, ca->key, Bytes(32), Bytes(256, 1)));
    }
    BOOST_CHECK_EQUAL(asked, 0);
    // The engine does count: OpenSSL's EVP functions use it even with their own library context and a fetched algorithm.
    OSSL_LIB_CTX* const library = OSSL_LIB_CTX_new();
    EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_name(library, "RSA", "provider=default");
    BOOST_CHECK_GT(asked, 0);
    EVP_PKEY_CTX_free(context);
    OSSL_LIB_CTX_free(library);
}

BOOST_AUTO_TEST_SUITE_END()
