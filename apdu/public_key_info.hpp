// SubjectPublicKeyInfo (RFC 5280, 4.1.2.7; RFC 3279, 2.3; RFC 5480), and the AlgorithmIdentifiers of signatures.
#pragma once

#include "apdu/crypto_context.hpp"
#include "apdu/public_key.hpp"

namespace jpki {

// Reads the contents of a SubjectPublicKeyInfo's SEQUENCE into `key`. False if it is not well-formed; a key of an unsupported
// type, or with unsupported values, is well-formed, and of type `other`.
bool read_public_key(ByteView contents, PublicKey& key);

// How a certificate is signed (RFC 5280, 4.1.1.2).
struct SignatureAlgorithm {
    ByteView oid;  // the contents of its OBJECT IDENTIFIER
    KeyType key_type;
    Hash hash;
    bool may_have_null;  // parameters NULL are allowed beside absent ones
    // Whether `signature`, as a certificate has it (RFC 5280, 4.1.1.3), is by `issuer` over `digest`.
    bool (*verify)(const CryptoContext& context, const PublicKey& issuer, Hash hash, ByteView digest, ByteView signature);
};
// For a DER AlgorithmIdentifier: those of RFC 4055, 5 and of RFC 5758, 3.2 that the table lists. NULL for others, and for
// parameters that these do not have.
const SignatureAlgorithm* find_signature_algorithm(ByteView identifier) noexcept;

}  // namespace jpki
