// Signature schemes: how a card makes a signature, and how it is verified with a public key (RFC 8017; FIPS 186-5, 6.4.2) without
// a key object of OpenSSL's (crypto_context.hpp says why). Only public values are worked on, so nothing here needs to take the
// same time for all of them.
#pragma once

#include "apdu/crypto_context.hpp"
#include "apdu/public_key.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace jpki {

struct Certificate;

// The verify functions return false for a key of another type, a signature of another size and an invalid key. They throw
// std::bad_alloc, and std::runtime_error if OpenSSL's provider fails.

// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2): `block` is the padded data, mostly a DigestInfo, at most the modulus's size less 11.
bool verify_rsa_pkcs1(const CryptoContext& context, const PublicKey& key, ByteView block, ByteView signature);

// RSASSA-PSS (RFC 8017, 8.1.2) with MGF1 of the same hash and a salt as long as `digest`, which is the message's hash.
bool verify_rsa_pss(const CryptoContext& context, const PublicKey& key, Hash hash, ByteView digest, ByteView signature);

// ECDSA over `digest`. `signature` is r || s, each as long as the curve's field (PKCS#11 Current Mechanisms 2.40, 2.3.1).
bool verify_ecdsa(const CryptoContext& context, const PublicKey& key, ByteView digest, ByteView signature);

// The same over a certificate's TBSCertificate, hashed, with the signature in the form that X.509 has it in: of ECDSA a DER
// Ecdsa-Sig-Value (RFC 3279, 2.2.3).
bool verify_x509_rsa(const CryptoContext& context, const PublicKey& issuer, Hash hash, ByteView digest, ByteView signature);
bool verify_x509_ecdsa(const CryptoContext& context, const PublicKey& issuer, Hash hash, ByteView digest, ByteView signature);

// DER DigestInfo (RFC 8017, 9.2, note 1). Throws std::invalid_argument for a digest of another size than the hash's.
Bytes digest_info(Hash hash, ByteView digest);

// One way in which a card signs with one kind of key. Sizes in bytes.
struct SignatureScheme {
    KeyType key_type;
    std::size_t key_bits;            // of the keys that cards have; `verify` takes others too
    std::uint8_t p1;                 // of the sign command (apdu/README.md, P1 table)
    bool every_card;                 // every card whose key is of that type has it
    std::size_t data_min, data_max;  // of what may be signed where the caller made the hash
    std::size_t signature_size;      // of what a card answers
    // What the sign command is given and `verify` compares with: of a hash value, where `hash` says which, or of the caller's
    // data.
    Bytes (*encode)(std::optional<Hash> hash, Bytes data);
    bool (*verify)(const CryptoContext& context, const PublicKey& key, ByteView encoded, ByteView signature);
};

// The functions of the table below.
namespace signature_schemes {
Bytes encode_pkcs1(std::optional<Hash> hash, Bytes data);
Bytes encode_pss(std::optional<Hash> hash, Bytes data);
// Of the size of a P-384 field: leading zeros change no number, and of what is longer only the leftmost bytes count (FIPS
// 186-5, 6.4.1).
Bytes encode_ecdsa(std::optional<Hash> hash, Bytes data);
bool verify_pss_sha256(const CryptoContext& context, const PublicKey& key, ByteView digest, ByteView signature);
}  // namespace signature_schemes

// 01, 03 and 05 of the P1 table hash on the card and are not needed; 02 is what 00 does with a DigestInfo.
inline constexpr SignatureScheme rsa_pkcs1 = {.key_type = KeyType::rsa,
                                              .key_bits = 2048,
                                              .p1 = 0x00,
                                              .every_card = true,
                                              .data_min = 1,
                                              .data_max = 2048 / 8 - 11,
                                              .signature_size = 2048 / 8,
                                              .encode = signature_schemes::encode_pkcs1,
                                              .verify = verify_rsa_pkcs1};
inline constexpr SignatureScheme rsa_pss_sha256 = {.key_type = KeyType::rsa,
                                                   .key_bits = 2048,
                                                   .p1 = 0x04,
                                                   .every_card = false,
                                                   .data_min = size_of(Hash::sha256),
                                                   .data_max = size_of(Hash::sha256),
                                                   .signature_size = 2048 / 8,
                                                   .encode = signature_schemes::encode_pss,
                                                   .verify = signature_schemes::verify_pss_sha256};
// A guess, nothing is published: apdu/README.md, The next card.
inline constexpr SignatureScheme ecdsa = {.key_type = KeyType::ec,
                                          .key_bits = 384,
                                          .p1 = 0x00,
                                          .every_card = true,
                                          .data_min = 1,
                                          .data_max = size_of(Hash::sha512),
                                          .signature_size = 2 * 384 / 8,
                                          .encode = signature_schemes::encode_ecdsa,
                                          .verify = verify_ecdsa};

inline constexpr const SignatureScheme* all_signature_schemes[] = {&rsa_pkcs1, &rsa_pss_sha256, &ecdsa};

// Whether a card signs with such a key.
constexpr bool is_key_of_card(const PublicKey& key) noexcept {
    for (const SignatureScheme* scheme : all_signature_schemes)
        if (scheme->key_type == key.type && scheme->key_bits == key.bits) return true;
    return false;
}

// Whether `certificate` is signed with the key of `issuer`: the TBSCertificate byte for byte as it is here, by an algorithm that
// find_signature_algorithm() knows. Names and dates are not looked at.
bool is_signed_by(const CryptoContext& context, const Certificate& certificate, const Certificate& issuer);

}  // namespace jpki
