#include "apdu/public_key_info.hpp"

#include "apdu/der.hpp"
#include "apdu/signature_check.hpp"

#include <algorithm>
#include <bit>
#include <openssl/obj_mac.h>

namespace jpki {

namespace {

// 1.2.840.113549.1.1.1 rsaEncryption, 1.2.840.10045.2.1 id-ecPublicKey.
constexpr std::uint8_t rsa_encryption[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
constexpr std::uint8_t ec_public_key[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
// 1.2.840.10045.3.1.7 secp256r1, 1.3.132.0.34 secp384r1, 1.3.132.0.35 secp521r1.
constexpr std::uint8_t p256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr std::uint8_t p384[] = {0x2B, 0x81, 0x04, 0x00, 0x22};
constexpr std::uint8_t p521[] = {0x2B, 0x81, 0x04, 0x00, 0x23};
const NamedCurve curves[] = {{p256, NID_X9_62_prime256v1, 256}, {p384, NID_secp384r1, 384}, {p521, NID_secp521r1, 521}};

// 1.2.840.113549.1.1.11 to .13, sha256, sha384 and sha512WithRSAEncryption; 1.2.840.10045.4.3.2 and .3, ecdsa-with-SHA256 and
// SHA384.
constexpr std::uint8_t sha256_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B};
constexpr std::uint8_t sha384_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0C};
constexpr std::uint8_t sha512_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0D};
constexpr std::uint8_t sha256_ecdsa[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
constexpr std::uint8_t sha384_ecdsa[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03};
const SignatureAlgorithm signature_algorithms[] = {{sha256_rsa, KeyType::rsa, Hash::sha256, true, verify_x509_rsa},
                                                   {sha384_rsa, KeyType::rsa, Hash::sha384, true, verify_x509_rsa},
                                                   {sha512_rsa, KeyType::rsa, Hash::sha512, true, verify_x509_rsa},
                                                   {sha256_ecdsa, KeyType::ec, Hash::sha256, false, verify_x509_ecdsa},
                                                   {sha384_ecdsa, KeyType::ec, Hash::sha384, false, verify_x509_ecdsa}};

// OpenSSL's limits for RSA are 512..16384 bits, and 64 for the exponent of a large modulus.
constexpr std::size_t modulus_bits_min = 512, modulus_bits_max = 16384, exponent_bits_max = 64;
constexpr std::uint8_t uncompressed_point = 0x04;

std::size_t bits_of(ByteView number) noexcept {
    return number.size() * 8 - static_cast<std::size_t>(std::countl_zero(number.front()));
}

bool is_odd(ByteView number) noexcept { return (number.back() & 1) != 0; }

// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }, parameters NULL (RFC 3279, 2.3.1).
void read_rsa(ByteView parameters, ByteView octets, PublicKey& key) {
    const auto null = der_only(parameters, der::null);
    const auto sequence = der_only(octets, der::sequence);
    if (!null || !null->empty() || !sequence) return;
    DerReader reader(*sequence);
    const auto first = reader.take(der::integer), second = reader.take(der::integer);
    if (!first || !second || !reader.at_end()) return;
    const auto modulus = der_positive_integer(first->contents), exponent = der_positive_integer(second->contents);
    if (!modulus || !exponent || !is_odd(*modulus) || !is_odd(*exponent)) return;
    const std::size_t bits = bits_of(*modulus), exponent_bits = bits_of(*exponent);
    if (bits < modulus_bits_min || bits > modulus_bits_max || exponent_bits < 2 || exponent_bits > exponent_bits_max) return;
    key.type = KeyType::rsa;
    key.bits = bits;
    key.modulus.assign(modulus->begin(), modulus->end());
    key.public_exponent.assign(exponent->begin(), exponent->end());
}

// ECPoint in the uncompressed form, parameters a named curve (RFC 5480, 2.1.1 and 2.2).
void read_ec(ByteView parameters, ByteView octets, PublicKey& key) {
    const NamedCurve* curve = find_curve(parameters);
    if (!curve || octets.size() != 1 + 2 * curve->coordinate_size() || octets[0] != uncompressed_point) return;
    key.type = KeyType::ec;
    key.bits = curve->bits;
    key.ec_parameters.assign(parameters.begin(), parameters.end());
    key.ec_point.assign(octets.begin(), octets.end());
}

}  // namespace

const NamedCurve* find_curve(ByteView parameters) noexcept {
    const auto oid = der_only(parameters, der::object_identifier);
    if (!oid) return nullptr;
    const auto found = std::ranges::find_if(curves, [&](const NamedCurve& curve) { return std::ranges::equal(curve.oid, *oid); });
    return found == std::end(curves) ? nullptr : found;
}

const SignatureAlgorithm* find_signature_algorithm(ByteView identifier) noexcept {
    const auto contents = der_only(identifier, der::sequence);
    if (!contents) return nullptr;
    DerReader parts(*contents);
    const auto oid = parts.take_object_identifier();
    if (!oid) return nullptr;
    const auto found = std::ranges::find_if(
        signature_algorithms, [&](const SignatureAlgorithm& one) { return std::ranges::equal(one.oid, oid->contents); });
    if (found == std::end(signature_algorithms)) return nullptr;
    if (!parts.at_end()) {
        const auto parameters = parts.take(der::null);
        if (!found->may_have_null || !parameters || !parameters->contents.empty() || !parts.at_end()) return nullptr;
    }
    return found;
}

bool read_public_key(ByteView contents, PublicKey& key) {
    DerReader reader(contents);
    const auto algorithm = reader.take(der::sequence);
    const auto bits = reader.take(der::bit_string);
    if (!algorithm || !bits || bits->contents.empty() || bits->contents[0] > 7 || !reader.at_end()) return false;
    DerReader parts(algorithm->contents);
    const auto oid = parts.take_object_identifier();
    if (!oid) return false;
    const ByteView parameters = algorithm->contents.subspan(oid->whole.size());
    if (!parts.at_end() && (!parts.take() || !parts.at_end())) return false;  // at most one element of parameters
    const auto octets = der_whole_octets(bits->contents);
    if (!octets) return true;
    if (std::ranges::equal(oid->contents, rsa_encryption)) read_rsa(parameters, *octets, key);
    else if (std::ranges::equal(oid->contents, ec_public_key)) read_ec(parameters, *octets, key);
    return true;
}

}  // namespace jpki
