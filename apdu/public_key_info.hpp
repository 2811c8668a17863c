// SubjectPublicKeyInfo (RFC 5280, 4.1.2.7; RFC 3279, 2.3; RFC 5480).
#pragma once

#include "apdu/certificate.hpp"

#include <optional>

namespace jpki {

// A curve of RFC 5480, 2.1.1.1 that certificates here may use.
struct NamedCurve {
    ByteView oid;  // the contents of its OBJECT IDENTIFIER
    int nid;       // OpenSSL's number for it
    std::size_t bits;
    std::size_t coordinate_size() const noexcept { return (bits + 7) / 8; }
};
// NULL for a curve that is not known here. `parameters`: DER, as in PublicKey::ec_parameters.
const NamedCurve* find_curve(ByteView parameters) noexcept;

// Reads the contents of a SubjectPublicKeyInfo's SEQUENCE into `key`. False when it is not well-formed; a key of a kind, or
// with values, that nothing here can use is well-formed, and of type `other`.
bool read_public_key(ByteView contents, PublicKey& key);

}  // namespace jpki
