// What a SubjectPublicKeyInfo says of a public key (RFC 3279, 2.3; RFC 5480).
#pragma once

#include "apdu/bytes.hpp"

#include <cstddef>

namespace jpki {

enum class KeyType {
    rsa,   // rsaEncryption, modulus odd and of 512..16384 bits, exponent odd and of 2..64 bits
    ec,    // id-ecPublicKey on P-256, P-384 or P-521, uncompressed point of the right size (not checked to be on the curve)
    other  // anything else that a well-formed SubjectPublicKeyInfo can hold
};

// The key type of every card that was issued so far (apdu/README.md, Certificates): what a key is taken for as long as nothing of
// it is known.
inline constexpr KeyType usual_key_type = KeyType::rsa;

// All numbers are big-endian.
struct PublicKey {
    KeyType type = KeyType::other;
    std::size_t bits = 0;            // of the modulus, or of the curve's field; 0 when `other`
    Bytes modulus, public_exponent;  // RSA, no leading zero (CKA_MODULUS, CKA_PUBLIC_EXPONENT)
    Bytes ec_parameters;             // EC, DER OBJECT IDENTIFIER of the curve (CKA_EC_PARAMS)
    Bytes ec_point;                  // EC, 04 || X || Y; CKA_EC_POINT has a DER OCTET STRING around it
};

// A supported curve of RFC 5480, 2.1.1.1.
struct NamedCurve {
    ByteView oid;  // the contents of its OBJECT IDENTIFIER
    int nid;       // OpenSSL's NID
    std::size_t bits;
    std::size_t coordinate_size() const noexcept { return (bits + 7) / 8; }
};
// NULL for an unknown curve. `parameters`: DER, as in PublicKey::ec_parameters.
const NamedCurve* find_curve(ByteView parameters) noexcept;

}  // namespace jpki
