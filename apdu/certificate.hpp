// X.509 certificates (RFC 5280), parsed into the forms of PKCS#11 attributes. Plain data: no OpenSSL object is created
// or kept, so that no part of a certificate stays in memory that is not wiped, or reaches the host's ENGINEs and providers.
#pragma once

#include "apdu/bytes.hpp"
#include "apdu/public_key.hpp"

#include <memory>
#include <string>

namespace jpki {

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

// NULL for anything that is not exactly one well-formed certificate in DER, from the first byte to the last. Unknown key and
// signature algorithms are well-formed. Throws std::bad_alloc only.
std::shared_ptr<const Certificate> parse_certificate(ByteView der);

}  // namespace jpki
