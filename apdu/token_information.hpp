// EF 0006: a serialized CK_TOKEN_INFO with four-byte big-endian numbers, 160 bytes (CARD.md, Files).
#pragma once

#include "apdu/bytes.hpp"

#include <optional>
#include <string>

namespace jpki {

struct TokenInformation {
    static constexpr std::size_t size = 160;

    std::string label;  // "JPKIAPICCTOKEN2" and the like, without the padding; printable ASCII only
    std::string model;  // "E16R01NJ"
    std::uint8_t hardware_major = 0, firmware_major = 0;

    // A phone's copy of the application: its authentication certificate wants the PIN.
    bool is_phone() const { return label == "JPKIAPGPSETOKEN"; }
};

// No value when the file is shorter than 160 bytes or a text in it is not printable ASCII. Bytes after 160 are ignored.
std::optional<TokenInformation> parse_token_information(ByteView file);

}  // namespace jpki
