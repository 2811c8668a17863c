// Verifying signatures with public keys (RFC 8017; FIPS 186-5, 6.4.2), without a key object of OpenSSL's (crypto_context.hpp
// says why). Only public values are worked on, so nothing here needs to take the same time for all of them.
#pragma once

#include "apdu/certificate.hpp"
#include "apdu/crypto_context.hpp"

namespace jpki {

// The verify functions return false for a key of another type, a signature of another size and a key that is none. They throw
// std::bad_alloc, and std::runtime_error when OpenSSL's provider fails.

// RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2): `block` is what was padded, a DigestInfo mostly, at most the modulus's size less 11.
bool verify_rsa_pkcs1(const CryptoContext& context, const PublicKey& key, ByteView block, ByteView signature);

// RSASSA-PSS (RFC 8017, 8.1.2) with MGF1 of the same hash and a salt as long as `digest`, which is the message's hash.
bool verify_rsa_pss(const CryptoContext& context, const PublicKey& key, Hash hash, ByteView digest, ByteView signature);

// ECDSA over `digest`. `signature` is r || s, each as long as the curve's field (PKCS#11 Current Mechanisms 2.40, 2.3.1).
bool verify_ecdsa(const CryptoContext& context, const PublicKey& key, ByteView digest, ByteView signature);

// DER DigestInfo (RFC 8017, 9.2, note 1). Throws std::invalid_argument for a digest of another size than the hash's.
Bytes digest_info(Hash hash, ByteView digest);

// Whether `certificate` is signed with the key of `issuer`: the TBSCertificate byte for byte as it is here, by
// sha256WithRSAEncryption, sha384 or sha512 (RFC 4055, 5), ecdsa-with-SHA256 or SHA384 (RFC 5758, 3.2). False for other
// algorithms. Names and dates are not looked at.
bool is_signed_by(const CryptoContext& context, const Certificate& certificate, const Certificate& issuer);

}  // namespace jpki
