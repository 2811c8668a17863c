// EF 0006: a serialized CK_TOKEN_INFO with four-byte big-endian numbers, 160 bytes (apdu/README.md, Files).
#pragma once

#include "apdu/bytes.hpp"

#include <optional>
#include <string>

namespace jpki {

struct TokenInformation {
    // How much of it is read: up to the end of the model, the last field that is used.
    static constexpr std::size_t size = 80;

    std::string label;  // "JPKIAPICCTOKEN2" and the like, without the padding; printable ASCII only
    std::string model;  // "E16R01NJ"

    // A phone's copy of the application ("JPKIAPGPSETOKEN", "JPKIAPIOSTOKEN"; apdu/README.md, Files: every label that does not
    // begin like a card's). Its authentication certificate can be read only after the PIN.
    bool is_phone() const { return !label.starts_with("JPKIAPICCTOKEN"); }
    // A model on which PSS was measured (apdu/README.md, P1 table).
    bool model_has_pss() const { return model == "E16R01NJ"; }
};

// No value if there are fewer than 80 bytes or a text in them is not printable ASCII. Later bytes are ignored.
std::optional<TokenInformation> parse_token_information(ByteView file);

}  // namespace jpki
