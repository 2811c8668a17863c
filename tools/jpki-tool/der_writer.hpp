// Writes DER (ITU-T X.690): the counterpart of apdu/der.hpp, for the few structures of a CMS signature.
#pragma once

#include "apdu/bytes.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace jpki::tool::der {

// Identifier and length octets of an element with this many octets of contents (8.1.3, in the fewest octets: 10.1).
Bytes header(std::uint8_t identifier, std::uint64_t length);

// An element with the concatenated `parts` as contents.
Bytes element(std::uint8_t identifier, std::initializer_list<ByteView> parts);

// A SET OF (or an implicitly tagged one): `parts` in ascending order of their encodings (11.6).
Bytes set_of(std::uint8_t identifier, std::vector<Bytes> parts);

// The OBJECT IDENTIFIER for an OpenSSL NID.
Bytes object_identifier(int nid);

Bytes concatenated(std::initializer_list<ByteView> parts);

}  // namespace jpki::tool::der
