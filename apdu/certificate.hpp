// X.509 certificates (RFC 5280), read into the forms that PKCS#11 attributes have. Plain data: no object of OpenSSL's is made
// or kept, so that nothing of a certificate stays in memory that is not wiped, or reaches what the host has plugged into OpenSSL.
#pragma once

#include "apdu/bytes.hpp"

#include <memory>
#include <string>

namespace jpki {

enum class KeyType {
    rsa,   // rsaEncryption, modulus odd and of 512..16384 bits, exponent odd and of 2..64 bits
    ec,    // id-ecPublicKey on P-256, P-384 or P-521, uncompressed point of the right size (not checked to be on the curve)
    other  // anything else that a well-formed SubjectPublicKeyInfo can hold
};

// What a SubjectPublicKeyInfo says. All numbers are big-endian.
struct PublicKey {
    KeyType type = KeyType::other;
    std::size_t bits = 0;            // of the modulus, or of the curve's field; 0 when `other`
    Bytes modulus, public_exponent;  // RSA, no leading zero (CKA_MODULUS, CKA_PUBLIC_EXPONENT)
    Bytes ec_parameters;             // EC, DER OBJECT IDENTIFIER of the curve (CKA_EC_PARAMS)
    Bytes ec_point;                  // EC, 04 || X || Y; CKA_EC_POINT has a DER OCTET STRING around it
};

struct Certificate {
    Bytes der;
    Bytes subject, issuer;             // DER Name (CKA_SUBJECT, CKA_ISSUER)
    Bytes serial_number;               // DER INTEGER (CKA_SERIAL_NUMBER)
    Bytes public_key_info;             // DER SubjectPublicKeyInfo (CKA_PUBLIC_KEY_INFO)
    std::string start_date, end_date;  // YYYYMMDD, UTC (CKA_START_DATE, CKA_END_DATE); empty for a time that DER does not have
    PublicKey key;
    Bytes signature_algorithm;  // DER AlgorithmIdentifier
    Bytes signature;            // the BIT STRING's octets
    std::size_t signed_part_offset = 0, signed_part_size = 0;

    // The DER TBSCertificate: what the issuer signed.
    ByteView signed_part() const noexcept { return ByteView(der).subspan(signed_part_offset, signed_part_size); }
};

// NULL for anything that is not exactly one well-formed certificate in DER, from the first byte to the last. Key and
// signature algorithms that are not known here do not make it ill-formed. Throws std::bad_alloc only.
std::shared_ptr<const Certificate> parse_certificate(ByteView der);

}  // namespace jpki
