// The constants of the JPKI application from apdu/README.md: identifiers, files, PIN rules. Status words are the
// standard's (status_words.hpp).
#pragma once

#include "apdu/key_use.hpp"

#include <array>
#include <cstdint>

namespace jpki {

// apdu/README.md, Recognition.
inline constexpr std::array<std::uint8_t, 10> jpki_aid = {0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01};
// apdu/README.md, Commands, "end the logins": the issuer security domain.
inline constexpr std::array<std::uint8_t, 7> issuer_security_domain_aid = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00};

// apdu/README.md, Files.
enum class Ef : std::uint16_t {
    signature_certificate = 0x0001,
    signature_ca = 0x0002,
    token_information = 0x0006,
    existence = 0x0008,
    authentication_certificate = 0x000A,
    authentication_ca = 0x000B,
    authentication_key = 0x0017,
    authentication_pin = 0x0018,
    signature_key = 0x001A,
    signature_pin = 0x001B,
};

// Short file identifier: the low five bits of the file identifier.
constexpr std::uint8_t sfi_of(Ef ef) noexcept { return static_cast<std::uint8_t>(static_cast<std::uint16_t>(ef) & 0x1F); }

struct KeyFacts {
    Ef certificate, ca, key, pin;
    std::uint8_t pin_min, pin_max;  // characters
    std::uint8_t tries_max;         // apdu/README.md, Rules for card holders
};
inline constexpr std::array<KeyFacts, 2> key_facts = {{
    {Ef::authentication_certificate, Ef::authentication_ca, Ef::authentication_key, Ef::authentication_pin, 4, 4, 3},
    {Ef::signature_certificate, Ef::signature_ca, Ef::signature_key, Ef::signature_pin, 6, 16, 5},
}};
constexpr const KeyFacts& facts_of(KeyUse use) noexcept { return key_facts[index_of(use)]; }

// The start of the label in EF 0006, on every kind of card and on a phone.
inline constexpr const char* jpki_label = "JPKIAP";

// A value for P1 of the sign command that no table names (apdu/README.md, P1 table): the card says 6A86 to it.
inline constexpr std::uint8_t unassigned_signature_scheme = 0x7F;

}  // namespace jpki
