// RSA signatures as numbers: what the public key maps to a valid block is not enough (RFC 8017, 5.2.2 and 9.2).
#include "apdu/certificate.hpp"
#include "apdu/signature_check.hpp"

#include "openssl_certificates.hpp"

using namespace jpki;
using namespace jpki::test;

namespace {

PublicKey public_key(EVP_PKEY* key) {
    const auto certificate = parse_certificate(der_of<X509>(make_certificate(key, key).get(), i2d_X509));
    BOOST_REQUIRE(certificate != nullptr);
    return certificate->key;
}

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

}  // namespace

BOOST_AUTO_TEST_SUITE(signature_numbers)

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

BOOST_AUTO_TEST_SUITE_END()
