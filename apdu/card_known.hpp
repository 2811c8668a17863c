// What was read of a card, as one operation left it for later ones: an immutable copy that can be read
// during the next operation.
#pragma once

#include "apdu/applet.hpp"
#include "apdu/certificate.hpp"
#include "apdu/security_status.hpp"
#include "apdu/signature_check.hpp"
#include "apdu/token_information.hpp"

#include <array>
#include <memory>
#include <optional>

namespace jpki {

// A certificate file as the card has it. `certificate` only when read.
struct CertificateFile {
    FileAnswer::Kind kind = FileAnswer::Kind::absent;
    std::shared_ptr<const Certificate> certificate;
};

// In which login state of a key the card was probed for PSS without success: a card that checks the PIN before P1
// does not show P1 without a login.
enum class PssAsked { never, logged_out, logged_in };

// The index of a certificate file in CardKnown::files.
constexpr std::size_t certificate_slot(Ef ef) noexcept {
    switch (ef) {
    case Ef::authentication_certificate: return 0;
    case Ef::signature_certificate: return 1;
    case Ef::authentication_ca: return 2;
    default: return 3;
    }
}

// No value: not known. By key, or by certificate file (certificate_slot).
struct CardKnown {
    std::array<std::optional<bool>, 2> has_key{};
    bool existence_says_nothing = false;  // EF 0008 was read, or does not exist, and does not say which keys exist
    Bytes identity;                       // empty: not known
    std::optional<std::optional<TokenInformation>> token_information;  // EF 0006; empty if it is known to be absent
    std::optional<bool> certificate_is_public;
    std::array<HeardTries, 2> tries{};
    std::array<std::optional<CertificateFile>, 4> files{};
    std::array<bool, 2> certificates_doubted{};
    std::optional<bool> pss;
    std::array<PssAsked, 2> pss_asked{};
};

inline bool has_key_of_card(const Certificate& certificate) noexcept { return is_key_of_card(certificate.key); }

}  // namespace jpki
