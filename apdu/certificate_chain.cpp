// What a certificate's issuer signed, and how (RFC 5280, 4.1.1.2).
#include "apdu/der.hpp"
#include "apdu/public_key_info.hpp"
#include "apdu/signature_check.hpp"

#include <algorithm>

namespace jpki {

namespace {

struct Algorithm {
    ByteView oid;  // the contents of its OBJECT IDENTIFIER
    KeyType key;
    Hash hash;
};

// 1.2.840.113549.1.1.11 to .13, sha256, sha384 and sha512WithRSAEncryption; 1.2.840.10045.4.3.2 and .3, ecdsa-with-SHA256 and
// SHA384.
constexpr std::uint8_t sha256_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B};
constexpr std::uint8_t sha384_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0C};
constexpr std::uint8_t sha512_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0D};
constexpr std::uint8_t sha256_ecdsa[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
constexpr std::uint8_t sha384_ecdsa[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03};
const Algorithm algorithms[] = {{sha256_rsa, KeyType::rsa, Hash::sha256},
                                {sha384_rsa, KeyType::rsa, Hash::sha384},
                                {sha512_rsa, KeyType::rsa, Hash::sha512},
                                {sha256_ecdsa, KeyType::ec, Hash::sha256},
                                {sha384_ecdsa, KeyType::ec, Hash::sha384}};

// Parameters are NULL or absent with RSA (RFC 4055, 5), absent with ECDSA (RFC 5758, 3.2).
const Algorithm* find_algorithm(ByteView identifier) noexcept {
    const auto contents = der_only(identifier, der::sequence);
    if (!contents) return nullptr;
    DerReader parts(*contents);
    const auto oid = parts.take_object_identifier();
    if (!oid) return nullptr;
    const auto found =
        std::ranges::find_if(algorithms, [&](const Algorithm& one) { return std::ranges::equal(one.oid, oid->contents); });
    if (found == std::end(algorithms)) return nullptr;
    if (!parts.at_end()) {
        const auto parameters = parts.take(der::null);
        if (found->key != KeyType::rsa || !parameters || !parameters->contents.empty() || !parts.at_end()) return nullptr;
    }
    return found;
}

// r || s of Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279, 2.2.3), each `size` bytes; empty when it is none.
Bytes plain_ecdsa(ByteView signature, std::size_t size) {
    const auto contents = der_only(signature, der::sequence);
    if (!contents) return {};
    DerReader parts(*contents);
    Bytes plain;
    for (int i = 0; i < 2; ++i) {
        const auto integer = parts.take(der::integer);
        const auto number = integer ? der_positive_integer(integer->contents) : std::nullopt;
        if (!number || number->size() > size) return {};
        plain.insert(plain.end(), size - number->size(), 0x00);
        plain.insert(plain.end(), number->begin(), number->end());
    }
    if (!parts.at_end()) return {};
    return plain;
}

}  // namespace

bool is_signed_by(const CryptoContext& context, const Certificate& certificate, const Certificate& issuer) {
    const Algorithm* algorithm = find_algorithm(certificate.signature_algorithm);
    if (!algorithm || algorithm->key != issuer.key.type) return false;
    const Bytes digest = context.hash(algorithm->hash, certificate.signed_part());
    if (algorithm->key == KeyType::rsa)
        return verify_rsa_pkcs1(context, issuer.key, digest_info(algorithm->hash, digest), certificate.signature);
    const NamedCurve* curve = find_curve(issuer.key.ec_parameters);
    return curve && verify_ecdsa(context, issuer.key, digest, plain_ecdsa(certificate.signature, curve->coordinate_size()));
}

}  // namespace jpki
