// What `status` (and `doctor`) know of one card: asked without a PIN, in a few short transactions.
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
        wants_pin,  // there, and readable after its PIN only
        absent,
        unreadable  // `problem` says why
    };
    State state = State::absent;
    std::optional<CertificateView> view;  // when present
    std::string problem;
};

struct KeyReport {
    CertificateReport certificate, ca;
    std::optional<int> tries;  // left; no value: the card has no such PIN
    int tries_max = 0;
    std::optional<CaJudgement> issuer;  // when the certificate is present
};

struct CardReport {
    std::string reader;
    std::optional<TokenInformation> information;  // EF 0006; no value: absent or malformed
    bool phone = false;
    std::array<KeyReport, 2> keys;  // by key

    const KeyReport& key(KeyUse use) const { return keys[index_of(use)]; }
};

// Throws Failure and Interrupted. With `with_signature_certificate` the card must be verified for the signature key.
CardReport report_card(OpenCard& card, const Signals& signals, Output& output, bool with_signature_certificate);

// What the holder should do next, most urgent first.
struct NextStep {
    std::string code;  // "renew", "expired" ...: for --json
    std::string text;
};
std::vector<NextStep> next_steps(const CardReport& card, TimePoint at);

// When a certificate that ends then can be renewed, and whether it can now.
struct Renewal {
    Date opens;
    bool open;
};
Renewal renewal_of(const CertificateView& certificate, TimePoint at);

std::string key_title(KeyUse use);  // "Certificate for user authentication"
Json to_json(const CardReport& card, TimePoint at);
std::string to_text(const CardReport& card, TimePoint at);

}  // namespace jpki::tool
