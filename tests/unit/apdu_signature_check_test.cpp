// Hashes and signature checks give the results of OpenSSL's EVP functions.
#include "apdu/certificate.hpp"
#include "apdu/signature_check.hpp"

#include "openssl_certificates.hpp"
#include "test_pki.hpp"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <optional>

using namespace jpki;
using namespace jpki::test;

namespace {

const char* name_of(Hash hash) { return hash == Hash::sha256 ? "SHA256" : hash == Hash::sha384 ? "SHA384" : "SHA512"; }

Bytes openssl_hash(Hash hash, ByteView data) {
    Bytes digest(size_of(hash));
    BOOST_REQUIRE(EVP_Q_digest(nullptr, name_of(hash), nullptr, data.data(), data.size(), digest.data(), nullptr) == 1);
    return digest;
}

// The public key in the form of a certificate.
PublicKey public_key(EVP_PKEY* key, EVP_PKEY* issuer) {
    const auto certificate = parse_certificate(der_of<X509>(make_certificate(key, issuer).get(), i2d_X509));
    BOOST_REQUIRE(certificate != nullptr);
    return certificate->key;
}
PublicKey public_key(EVP_PKEY* key) { return public_key(key, key); }

// EVP_PKEY_sign over `data` as it is. `pss`: the hash and the salt's size are that of `hash`.
Bytes sign(EVP_PKEY* key, ByteView data, std::optional<Hash> pss = {}, int salt_size = -1) {
    const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    BOOST_REQUIRE(context && EVP_PKEY_sign_init(context.get()) == 1);
    if (pss) {
        BOOST_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1);
        BOOST_REQUIRE(EVP_PKEY_CTX_set_signature_md(context.get(), EVP_get_digestbyname(name_of(*pss))) == 1);
        BOOST_REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), salt_size) == 1);
    }
    std::size_t size = 0;
    BOOST_REQUIRE(EVP_PKEY_sign(context.get(), nullptr, &size, data.data(), data.size()) == 1);
    Bytes signature(size);
    BOOST_REQUIRE(EVP_PKEY_sign(context.get(), signature.data(), &size, data.data(), data.size()) == 1);
    signature.resize(size);
    return signature;
}

// r || s of a DER signature.
Bytes plain(const Bytes& signature, std::size_t size) {
    const unsigned char* at = signature.data();
    const std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>> parts(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())));
    BOOST_REQUIRE(parts != nullptr);
    Bytes bytes(2 * size);
    BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), bytes.data(), static_cast<int>(size));
    BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), bytes.data() + size, static_cast<int>(size));
    return bytes;
}

// Any changed byte must fail.
template <class Check> void check_every_byte_counts(const Bytes& original, const Check& check) {
    BOOST_REQUIRE(check(original));
    for (std::size_t at = 0; at < original.size(); ++at) {
        Bytes changed = original;
        changed[at] ^= static_cast<std::uint8_t>(1 << at % 8);
        BOOST_REQUIRE(!check(changed));
    }
    Bytes other = original;
    other.pop_back();
    BOOST_CHECK(!check(other));
    other = original;
    other.push_back(0);
    BOOST_CHECK(!check(other));
    other = original;
    other.insert(other.begin(), 0x00);  // the same number
    BOOST_CHECK(!check(other));
    BOOST_CHECK(!check(Bytes()));
    BOOST_CHECK(!check(Bytes(original.size(), 0x00)));
    BOOST_CHECK(!check(Bytes(original.size(), 0xFF)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(signature_check)

BOOST_AUTO_TEST_CASE(hashes_equal_openssls_for_all_sizes_around_blocks) {
    const CryptoContext context;
    for (const Hash hash : all_hashes)
        for (const std::size_t size : {0u, 1u, 55u, 56u, 63u, 64u, 65u, 111u, 112u, 127u, 128u, 129u, 1000u}) {
            const Bytes data(size, 0x5A);
            BOOST_CHECK(context.hash(hash, data) == openssl_hash(hash, data));
            CryptoContext::Digest digest(context, hash);
            for (const std::uint8_t byte : data) digest.update({&byte, 1});
            BOOST_CHECK(digest.finish() == openssl_hash(hash, data));
        }
}

BOOST_AUTO_TEST_CASE(moved_hash_continues_and_its_state_is_freed_once) {
    const CryptoContext context;
    const Bytes data(10, 0x5A);
    std::optional<CryptoContext::Digest> begun(std::in_place, context, Hash::sha256);
    begun->update(data);
    CryptoContext::Digest moved(std::move(*begun));
    begun.reset();
    BOOST_CHECK(moved.update(data).finish() == openssl_hash(Hash::sha256, Bytes(20, 0x5A)));
}

BOOST_AUTO_TEST_CASE(hmac_equals_openssls_and_keys_longer_than_block_are_rejected) {
    const CryptoContext context;
    for (const std::size_t key_size : {1u, 32u, 63u, 64u}) {
        const Bytes key(key_size, 0xA7), data(100, 0x11);
        Bytes mac(32);
        std::size_t size = 0;
        BOOST_REQUIRE(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), data.data(), data.size(),
                                mac.data(), mac.size(), &size));
        BOOST_CHECK(std::ranges::equal(context.hmac_sha256(key, data), mac));
    }
    BOOST_CHECK_THROW(context.hmac_sha256(Bytes(65, 1), Bytes()), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(digest_infos_equal_openssls) {
    for (const Hash hash : all_hashes) {
        const Bytes digest(size_of(hash), 0x33);
        const std::unique_ptr<X509_SIG, Freed<X509_SIG_free>> info(X509_SIG_new());
        X509_ALGOR* algorithm = nullptr;
        ASN1_OCTET_STRING* octets = nullptr;
        X509_SIG_getm(info.get(), &algorithm, &octets);
        X509_ALGOR_set0(algorithm, OBJ_nid2obj(OBJ_sn2nid(name_of(hash))), V_ASN1_NULL, nullptr);
        ASN1_OCTET_STRING_set(octets, digest.data(), static_cast<int>(digest.size()));
        BOOST_CHECK(digest_info(hash, digest) == der_of<X509_SIG>(info.get(), i2d_X509_SIG));
        BOOST_CHECK_THROW(digest_info(hash, Bytes(20)), std::invalid_argument);
    }
}

BOOST_AUTO_TEST_CASE(pkcs1_signatures_verify_and_changed_ones_do_not) {
    const CryptoContext context;
    for (const unsigned bits : {1024u, 1025u, 2048u}) {
        const Key key = odd_rsa_key(bits);
        const PublicKey ours = public_key(key.get());
        const Bytes block = digest_info(Hash::sha256, Bytes(32, 0x42));
        check_every_byte_counts(sign(key.get(), block),
                                [&](const Bytes& signature) { return verify_rsa_pkcs1(context, ours, block, signature); });
        check_every_byte_counts(block, [&, signature = sign(key.get(), block)](const Bytes& other) {
            return verify_rsa_pkcs1(context, ours, other, signature);
        });
        const Bytes longest(ours.modulus.size() - 11, 0x17);
        BOOST_CHECK(verify_rsa_pkcs1(context, ours, longest, sign(key.get(), longest)));
        BOOST_CHECK(!verify_rsa_pkcs1(context, ours, Bytes(ours.modulus.size() - 10, 0x17), sign(key.get(), longest)));
        BOOST_CHECK(!verify_rsa_pkcs1(context, public_key(rsa_key(bits).get()), block, sign(key.get(), block)));
    }
}

BOOST_AUTO_TEST_CASE(pss_signatures_verify_and_changed_ones_do_not) {
    const CryptoContext context;
    for (const unsigned bits : {1024u, 1025u, 1026u, 1031u, 2048u}) {
        const Key key = odd_rsa_key(bits);
        const PublicKey ours = public_key(key.get());
        for (const Hash hash : all_hashes) {
            if (bits < 1048 && hash == Hash::sha512) continue;  // does not fit
            const auto size = static_cast<int>(size_of(hash));
            const Bytes digest(size_of(hash), 0x42);
            check_every_byte_counts(sign(key.get(), digest, hash, size), [&](const Bytes& signature) {
                return verify_rsa_pss(context, ours, hash, digest, signature);
            });
            Bytes other = digest;
            other[0] ^= 1;
            BOOST_CHECK(!verify_rsa_pss(context, ours, hash, other, sign(key.get(), digest, hash, size)));
            // Another salt length, and a PKCS#1 signature of the same hash.
            BOOST_CHECK(!verify_rsa_pss(context, ours, hash, digest, sign(key.get(), digest, hash, size - 1)));
            BOOST_CHECK(!verify_rsa_pss(context, ours, hash, digest, sign(key.get(), digest, hash, 0)));
            BOOST_CHECK(!verify_rsa_pss(context, ours, hash, digest, sign(key.get(), digest_info(hash, digest))));
        }
        BOOST_CHECK(!verify_rsa_pss(context, ours, Hash::sha256, Bytes(31), Bytes(ours.modulus.size())));
    }
}

BOOST_AUTO_TEST_CASE(ecdsa_number_beyond_the_order_is_no_signature) {
    const CryptoContext context;
    const Key issuer = rsa_key(1024), key = ec_key("P-521");  // whose order has room for the sum of both in as many octets
    const PublicKey ours = public_key(key.get(), issuer.get());
    const Bytes digest(32, 0x42);
    Bytes signature = plain(sign(key.get(), digest), 66);
    BOOST_REQUIRE(verify_ecdsa(context, ours, digest, signature));
    const std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(NID_secp521r1));
    const Number s(BN_bin2bn(signature.data() + 66, 66, nullptr));
    BOOST_REQUIRE(group && s && BN_add(s.get(), s.get(), EC_GROUP_get0_order(group.get())) == 1);
    BOOST_REQUIRE_EQUAL(BN_bn2binpad(s.get(), signature.data() + 66, 66), 66);
    BOOST_CHECK(!verify_ecdsa(context, ours, digest, signature));
}

BOOST_AUTO_TEST_CASE(ecdsa_signatures_verify_and_changed_ones_do_not) {
    const CryptoContext context;
    const Key issuer = rsa_key(1024);
    const struct {
        const char* curve;
        std::size_t size;
    } rows[] = {{"P-256", 32}, {"P-384", 48}, {"P-521", 66}};
    for (const auto& row : rows) {
        const Key key = ec_key(row.curve);
        const PublicKey ours = public_key(key.get(), issuer.get());
        for (const std::size_t digest_size : {20u, 32u, 48u, 64u, 66u, 67u}) {  // shorter and longer than the curve's order
            Bytes digest(digest_size, 0xC2);
            const Bytes signature = plain(sign(key.get(), digest), row.size);
            BOOST_CHECK(verify_ecdsa(context, ours, digest, signature));
            digest[0] ^= 1;
            BOOST_CHECK(!verify_ecdsa(context, ours, digest, signature));
        }
        const Bytes digest(48, 0x99);
        const Bytes good = plain(sign(key.get(), digest), row.size);
        check_every_byte_counts(good, [&](const Bytes& signature) { return verify_ecdsa(context, ours, digest, signature); });
        for (const bool first : {true, false}) {
            Bytes zero = good;
            std::fill_n(zero.begin() + (first ? 0 : static_cast<std::ptrdiff_t>(row.size)), row.size, std::uint8_t{0});
            BOOST_CHECK(!verify_ecdsa(context, ours, digest, zero));
        }
        PublicKey off_curve = ours;
        off_curve.ec_point.back() ^= 1;
        BOOST_CHECK(!verify_ecdsa(context, off_curve, digest, good));
    }
}

BOOST_AUTO_TEST_CASE(key_of_another_type_verifies_no_signature) {
    const CryptoContext context;
    const Key rsa = rsa_key(2048), ec = ec_key("P-384");
    const PublicKey curve = public_key(ec.get(), rsa.get()), modulus = public_key(rsa.get()), none;
    const Bytes digest(32, 1);
    for (const PublicKey* key : {&curve, &none}) {
        BOOST_CHECK(!verify_rsa_pkcs1(context, *key, digest, Bytes(256, 1)));
        BOOST_CHECK(!verify_rsa_pss(context, *key, Hash::sha256, digest, Bytes(256, 1)));
        BOOST_CHECK(!verify_rsa_pkcs1(context, *key, Bytes(), Bytes()));
    }
    for (const PublicKey* key : {&modulus, &none}) BOOST_CHECK(!verify_ecdsa(context, *key, digest, Bytes(96, 1)));
}

BOOST_AUTO_TEST_CASE(certificate_verifies_with_its_issuer_only_for_every_algorithm) {
    const CryptoContext context;
    const Key rsa = rsa_key(2048), curve = ec_key("P-384"), small_curve = ec_key("P-256"), other = rsa_key(2048);
    const auto read = [](const X509Pointer& x509) { return parse_certificate(der_of<X509>(x509.get(), i2d_X509)); };
    const struct {
        EVP_PKEY* issuer;
        const char* hash;
        bool known;
    } rows[] = {{rsa.get(), "SHA256", true},   {rsa.get(), "SHA384", true},   {rsa.get(), "SHA512", true},
                {curve.get(), "SHA256", true}, {curve.get(), "SHA384", true}, {small_curve.get(), "SHA256", true},
                {rsa.get(), "SHA1", false},    {curve.get(), "SHA512", false}};
    const auto stranger = read(make_certificate(other.get(), other.get()));
    for (const auto& row : rows) {
        const X509Pointer x509 = make_certificate(other.get(), row.issuer, {.hash = row.hash});
        const auto certificate = read(x509), issuer = read(make_certificate(row.issuer, row.issuer));
        BOOST_CHECK_EQUAL(X509_verify(x509.get(), row.issuer), 1);
        BOOST_CHECK_EQUAL(is_signed_by(context, *certificate, *issuer), row.known);
        BOOST_CHECK(!is_signed_by(context, *certificate, *stranger));
        BOOST_CHECK(!is_signed_by(context, *certificate, *certificate));
    }
    BOOST_CHECK(!is_signed_by(context, *read(make_certificate(other.get(), rsa.get(), {.pss = true})),
                              *read(make_certificate(rsa.get(), rsa.get()))));
}

BOOST_AUTO_TEST_CASE(certificate_with_any_changed_bit_does_not_verify) {
    const CryptoContext context;
    const auto pki = model::TestPki::shared();
    const auto issuer = parse_certificate(pki->signature_ca);
    BOOST_REQUIRE(issuer && is_signed_by(context, *issuer, *issuer));
    const auto& der = pki->signature_certificate;
    BOOST_REQUIRE(is_signed_by(context, *parse_certificate(der), *issuer));
    BOOST_CHECK(!is_signed_by(context, *parse_certificate(der), *parse_certificate(pki->authentication_ca)));
    std::size_t read = 0;
    for (std::size_t at = 0; at < der.size(); ++at) {
        Bytes changed(der.begin(), der.end());
        changed[at] ^= static_cast<std::uint8_t>(1 << at % 8);
        const auto certificate = parse_certificate(changed);
        if (!certificate) continue;
        ++read;
        BOOST_CHECK(!is_signed_by(context, *certificate, *issuer));
    }
    BOOST_CHECK_GT(read, der.size() / 3);
}

BOOST_AUTO_TEST_CASE(checking_leaves_hosts_openssl_error_queue_as_it_was) {
    ERR_clear_error();
    const CryptoContext context;
    const Key rsa = rsa_key(1024), ec = ec_key("P-256");
    PublicKey off_curve = public_key(ec.get(), rsa.get());
    off_curve.ec_point.back() ^= 1;
    ERR_clear_error();
    constexpr int of_host = 7;
    ERR_raise(ERR_LIB_USER, of_host);
    BOOST_CHECK(!verify_ecdsa(context, off_curve, Bytes(32, 1), Bytes(64, 1)));
    BOOST_CHECK(!verify_rsa_pkcs1(context, public_key(rsa.get()), Bytes(32, 1), Bytes(128, 0xFF)));
    BOOST_CHECK_EQUAL(ERR_GET_REASON(ERR_get_error()), of_host);
    BOOST_CHECK_EQUAL(ERR_peek_error(), 0u);
}

BOOST_AUTO_TEST_SUITE_END()
