// Signatures as numbers and their encoding: RSA (RFC 8017, 5.2.2, 9.1.2 and 9.2) and ECDSA (FIPS 186-5, 6.4.2).
#include "apdu/certificate.hpp"
#include "apdu/signature_check.hpp"

#include "openssl_certificates.hpp"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>

using namespace jpki;
using namespace jpki::test;

namespace {

PublicKey public_key(EVP_PKEY* key, EVP_PKEY* issuer) {
    const auto certificate = parse_certificate(der_of<X509>(make_certificate(key, issuer).get(), i2d_X509));
    BOOST_REQUIRE(certificate != nullptr);
    return certificate->key;
}
PublicKey public_key(EVP_PKEY* key) { return public_key(key, key); }

// The private key applied to this block, which is as long as the modulus.
Bytes apply_private_key(EVP_PKEY* key, const Bytes& block) {
    const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    Bytes signature(block.size());
    std::size_t size = signature.size();
    BOOST_REQUIRE(EVP_PKEY_sign_init(context.get()) == 1 && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1 &&
                  EVP_PKEY_sign(context.get(), signature.data(), &size, block.data(), block.size()) == 1);
    return signature;
}

// 00 01 FF... 00 data.
Bytes padded(const Bytes& data, std::size_t size) {
    Bytes block(size, 0xFF);
    block[0] = 0x00;
    block[1] = 0x01;
    block[size - data.size() - 1] = 0x00;
    std::copy(data.begin(), data.end(), block.end() - static_cast<std::ptrdiff_t>(data.size()));
    return block;
}

// Ecdsa-Sig-Value (RFC 3279, 2.2.3).
Bytes ecdsa_value(Number r, Number s) {
    const std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>> value(ECDSA_SIG_new());
    BOOST_REQUIRE(value && ECDSA_SIG_set0(value.get(), r.release(), s.release()) == 1);
    return der_of<ECDSA_SIG>(value.get(), i2d_ECDSA_SIG);
}

Number number_of(const Bytes& bytes) { return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)); }

Bytes ecdsa_signature(EVP_PKEY* key, const Bytes& digest) {
    const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    Bytes signature(200);
    std::size_t size = signature.size();
    BOOST_REQUIRE(EVP_PKEY_sign_init(context.get()) == 1 &&
                  EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) == 1);
    signature.resize(size);
    return signature;
}

Bytes sha256(const Bytes& data) {
    Bytes digest(32);
    BOOST_REQUIRE_EQUAL(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr), 1);
    return digest;
}

// EMSA-PSS (RFC 8017, 9.1.1) with SHA-256, for a modulus of a whole number of octets and a salt of 32 octets 5A.
Bytes pss_block(const Bytes& digest, std::size_t size) {
    const Bytes salt(32, 0x5A);
    Bytes hashed(8, 0x00);
    hashed.insert(hashed.end(), digest.begin(), digest.end());
    hashed.insert(hashed.end(), salt.begin(), salt.end());
    const Bytes h = sha256(hashed);
    Bytes block(size - h.size() - 1 - salt.size() - 1, 0x00);
    block.push_back(0x01);
    block.insert(block.end(), salt.begin(), salt.end());
    for (std::size_t done = 0; done < block.size(); done += 32) {
        Bytes seed = h;
        seed.insert(seed.end(), {0, 0, 0, static_cast<std::uint8_t>(done / 32)});
        const Bytes mask = sha256(seed);
        for (std::size_t i = 0; i < mask.size() && done + i < block.size(); ++i) block[done + i] ^= mask[i];
    }
    block[0] &= 0x7F;
    block.insert(block.end(), h.begin(), h.end());
    block.push_back(0xBC);
    return block;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(signature_numbers)

BOOST_AUTO_TEST_CASE(each_part_of_pss_encoding_is_checked) {
    const CryptoContext context;
    const Key key = rsa_key(1024);
    const PublicKey ours = public_key(key.get());
    const std::size_t size = ours.modulus.size();
    const auto accepts = [&](const Bytes& digest, const Bytes& block) {
        return verify_rsa_pss(context, ours, Hash::sha256, digest, apply_private_key(key.get(), block));
    };
    const Bytes digest(32, 0x42), good = pss_block(digest, size);
    BOOST_REQUIRE(accepts(digest, good));
    const std::pair<const char*, std::size_t> parts[] = {
        {"padding", 1}, {"01 before the salt", size - 66}, {"salt", size - 40}, {"hash", size - 10}, {"trailer", size - 1}};
    for (const auto& [part, at] : parts) BOOST_TEST_CONTEXT(part) {
            Bytes bad = good;
            bad[at] ^= 0x02;
            BOOST_CHECK(!accepts(digest, bad));
        }
    const Bytes short_digest(31, 0x42);
    BOOST_CHECK(!accepts(short_digest, pss_block(short_digest, size)));
}

BOOST_AUTO_TEST_CASE(bits_beyond_the_pss_encoding_are_zero) {
    const CryptoContext context;
    const Key key = rsa_key(1024);
    const PublicKey ours = public_key(key.get());
    for (std::uint8_t first = 0;; ++first) {
        const Bytes digest(32, first);
        Bytes block = pss_block(digest, ours.modulus.size());
        block[0] |= 0x80;
        if (block[0] >= ours.modulus[0]) {  // no signature has this block
            BOOST_REQUIRE_LT(first, 255);
            continue;
        }
        BOOST_CHECK(!verify_rsa_pss(context, ours, Hash::sha256, digest, apply_private_key(key.get(), block)));
        return;
    }
}

BOOST_AUTO_TEST_CASE(pkcs1_padding_has_at_least_eight_octets_of_ff) {
    const CryptoContext context;
    const Key key = rsa_key(1024);
    const PublicKey ours = public_key(key.get());
    const std::size_t size = ours.modulus.size();
    for (const std::size_t padding : {9u, 8u, 7u, 1u}) {
        const Bytes data(size - 3 - padding, 0x42);
        BOOST_CHECK_EQUAL(verify_rsa_pkcs1(context, ours, data, apply_private_key(key.get(), padded(data, size))), padding >= 8);
    }
}

BOOST_AUTO_TEST_CASE(signature_is_less_than_the_modulus) {
    const CryptoContext context;
    const Key key = odd_rsa_key(1025);  // with room for the sum of both in as many octets
    const PublicKey ours = public_key(key.get());
    const Bytes data(32, 0x42), good = apply_private_key(key.get(), padded(data, ours.modulus.size()));
    BOOST_REQUIRE(verify_rsa_pkcs1(context, ours, data, good));
    const Number signature(BN_bin2bn(good.data(), static_cast<int>(good.size()), nullptr)),
        modulus(BN_bin2bn(ours.modulus.data(), static_cast<int>(ours.modulus.size()), nullptr));
    BOOST_REQUIRE(BN_add(signature.get(), signature.get(), modulus.get()) == 1);
    Bytes sum(good.size());
    BOOST_REQUIRE(BN_bn2binpad(signature.get(), sum.data(), static_cast<int>(sum.size())) == static_cast<int>(sum.size()));
    BOOST_CHECK(!verify_rsa_pkcs1(context, ours, data, sum));
}

BOOST_AUTO_TEST_CASE(ecdsa_value_has_two_numbers_of_at_most_the_curves_size) {
    const CryptoContext context;
    const Key issuer = rsa_key(1024), key = ec_key("P-256");
    const PublicKey ours = public_key(key.get(), issuer.get());
    const Bytes digest(32, 0x42);
    const auto accepts = [&](const Bytes& value) { return verify_x509_ecdsa(context, ours, Hash::sha256, digest, value); };
    // A number with a leading zero octet is shorter: one signature in 128 has one.
    Bytes value;
    do {
        value = ecdsa_signature(key.get(), digest);
        BOOST_REQUIRE(accepts(value));
    } while (value.size() >= 70);
    Bytes third = value;
    third[1] = static_cast<std::uint8_t>(third[1] + 3);
    third.insert(third.end(), {0x02, 0x01, 0x00});
    BOOST_CHECK(!accepts(third));
    BOOST_CHECK(!accepts(ecdsa_value(number_of(Bytes(33, 0x42)), number_of(Bytes(32, 0x42)))));
    BOOST_CHECK(!accepts(ecdsa_value(number_of(Bytes(32, 0x42)), number_of(Bytes(40, 0x42)))));
}

// With a point that is not read, u1 G alone would decide: anybody can compute it.
BOOST_AUTO_TEST_CASE(public_point_that_is_not_on_the_curve_verifies_nothing) {
    const CryptoContext context;
    const Key issuer = rsa_key(1024), key = ec_key("P-256");
    PublicKey off_curve = public_key(key.get(), issuer.get());
    off_curve.ec_point.back() ^= 1;
    const Bytes digest(32, 0x42);
    const std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    const std::unique_ptr<EC_POINT, Freed<EC_POINT_free>> point(EC_POINT_new(group.get()));
    const Number x = number();
    BOOST_REQUIRE(EC_POINT_mul(group.get(), point.get(), number_of(digest).get(), nullptr, nullptr, nullptr) == 1 &&
                  EC_POINT_get_affine_coordinates(group.get(), point.get(), x.get(), nullptr, nullptr) == 1);
    Bytes signature(64);  // r = x of the digest's multiple of G, s = 1
    BOOST_REQUIRE_EQUAL(BN_bn2binpad(x.get(), signature.data(), 32), 32);
    signature.back() = 1;
    BOOST_CHECK(!verify_ecdsa(context, off_curve, digest, signature));
}

// Of a digest of zeros r = s = x of the public point is a valid signature (R = 0 G + 1 Q): a point that is read, but not checked
// to be on the curve, would verify it too.
BOOST_AUTO_TEST_CASE(signature_made_of_the_public_point_needs_a_point_on_the_curve) {
    const CryptoContext context;
    const Key issuer = rsa_key(1024);
    for (const auto& [curve, size] : {std::pair{"P-256", 32}, std::pair{"P-384", 48}}) {
        PublicKey ours = public_key(ec_key(curve).get(), issuer.get());
        const Bytes digest(static_cast<std::size_t>(size), 0);
        const auto x = ours.ec_point.begin() + 1;  // after 04
        Bytes signature(x, x + size);
        signature.insert(signature.end(), x, x + size);
        BOOST_CHECK(verify_ecdsa(context, ours, digest, signature));
        ours.ec_point.back() ^= 1;
        BOOST_CHECK(!verify_ecdsa(context, ours, digest, signature));
    }
}

BOOST_AUTO_TEST_SUITE_END()
