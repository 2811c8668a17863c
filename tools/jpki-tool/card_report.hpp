// What `status` (and `doctor`) read of one card: without a PIN, in a few short transactions.
#pragma once

#include "card_access.hpp"
#include "certificate_view.hpp"
#include "output.hpp"

#include "apdu/token_information.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace jpki::tool {

struct CertificateReport {
    enum class State {
        present,
        wants_pin,  // exists, and is readable only after its PIN
        absent,
        unreadable  // the reason is in `problem`
    };
    State state = State::absent;
    std::optional<CertificateView> view;  // if present
    std::string problem;
};

struct KeyReport {
    CertificateReport certificate, ca;
    std::optional<int> tries;  // tries left; no value: the card has no such PIN
    int tries_max = 0;
    std::optional<CaJudgement> issuer;  // if the certificate is present
};

struct CardReport {
    std::string reader;
    std::optional<TokenInformation> information;  // EF 0006; no value: absent or malformed
    bool phone = false;
    std::array<KeyReport, 2> keys;  // by key

    const KeyReport& key(KeyUse use) const { return keys[index_of(use)]; }
};

// Throws Failure and Interrupted. With `with_signature_certificate` the PIN of the signature key must be verified.
CardReport report_card(OpenCard& card, const Signals& signals, Output& output, bool with_signature_certificate);

// What the holder should do next, most urgent first.
struct NextStep {
    std::string code;  // "renew", "expired" ...: for --json
    std::string text;
};
std::vector<NextStep> next_steps(const CardReport& card, TimePoint at);

// That the PIN of `use` is blocked, and who can reset it (apdu/README.md, Rules for card holders).
std::string about_blocked(KeyUse use);

// When a certificate with this expiry date can be renewed, and whether it can be renewed now.
struct Renewal {
    Date opens;
    bool open;
};
Renewal renewal_of(const CertificateView& certificate, TimePoint at);

std::string key_title(KeyUse use);  // "Certificate for user authentication"
Json to_json(const CardReport& card, TimePoint at);
std::string to_text(const CardReport& card, TimePoint at);

}  // namespace jpki::tool
