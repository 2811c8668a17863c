// Reads DER (ITU-T X.690): a cursor over bytes that a card sent, with OpenSSL's ASN1_get_object. Allocates and copies nothing.
#pragma once

#include "apdu/bytes.hpp"

#include <optional>

namespace jpki {

// Identifier octets (X.690, 8.1.2) of the elements of a certificate.
namespace der {
inline constexpr std::uint8_t boolean = 0x01, integer = 0x02, bit_string = 0x03, octet_string = 0x04, null = 0x05,
                              object_identifier = 0x06, utc_time = 0x17, generalized_time = 0x18, sequence = 0x30, set = 0x31;
// [number] with constructed or primitive contents.
constexpr std::uint8_t context_constructed(unsigned number) noexcept { return static_cast<std::uint8_t>(0xA0 | number); }
constexpr std::uint8_t context_primitive(unsigned number) noexcept { return static_cast<std::uint8_t>(0x80 | number); }
}  // namespace der

struct DerElement {
    std::uint8_t identifier = 0;
    ByteView whole;     // identifier, length and contents
    ByteView contents;  // may be empty
};

class DerReader {
public:
    explicit DerReader(ByteView input) noexcept : rest_(input) {}

    bool at_end() const noexcept { return rest_.empty(); }
    // Whether the next element begins with this identifier octet.
    bool next_is(std::uint8_t identifier) const noexcept { return !rest_.empty() && rest_.front() == identifier; }

    // The next element, which must lie within the input completely. No value, and the cursor does not move, for the end of the
    // input, a tag number above 30, an indefinite length, a length in more octets than it needs, or one that goes beyond the
    // input.
    std::optional<DerElement> take() noexcept;
    // The same for an element with this identifier octet only.
    std::optional<DerElement> take(std::uint8_t identifier) noexcept;
    // The same for an OBJECT IDENTIFIER, whose contents must be whole and minimal (X.690, 8.19.2).
    std::optional<DerElement> take_object_identifier() noexcept;

private:
    ByteView rest_;
};

// The contents of the single element that `input` consists of; no value for another identifier, or for bytes after the element.
std::optional<ByteView> der_only(ByteView input, std::uint8_t identifier) noexcept;

// The magnitude of an INTEGER's contents: big-endian, without leading zero octets. No value for contents that are not
// minimal (X.690, 8.3.2), and for zero and negative numbers.
std::optional<ByteView> der_positive_integer(ByteView contents) noexcept;

// The octets of a BIT STRING's contents that has no unused bits.
std::optional<ByteView> der_whole_octets(ByteView contents) noexcept;

}  // namespace jpki
