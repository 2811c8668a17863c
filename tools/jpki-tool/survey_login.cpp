// The measurements that need a login. Whether a PIN is verified can be seen without a signature: the signature certificate can be
// read or not, and the sign command with data of a wrong length rejects the length, or the missing PIN.
#include "survey.hpp"

#include "apdu/iso7816.hpp"
#include "apdu/log.hpp"

#include <array>

namespace jpki::tool {

namespace {

using Answer = SurveyCard::Answer;

// P1 = 02 wants a hash of 32 bytes (apdu/README.md, P1 table): one byte can never be signed.
constexpr std::uint8_t hash_wanted = 0x02;
constexpr std::array<std::uint8_t, 1> too_short = {0};

enum class State { verified, not_verified, cannot_tell };

State state_of(SurveyCard& card, KeyUse use) {
    if (use == KeyUse::signature) {
        if (card.select_ef(static_cast<std::uint16_t>(Ef::signature_certificate)).status != sw::ok) return State::cannot_tell;
        const std::uint16_t status = card.read(0, 1).status;
        if (status == sw::ok) return State::verified;
        return status == sw::security_status_not_satisfied ? State::not_verified : State::cannot_tell;
    }
    const auto key = iso7816::by_sfi(sfi_of(Ef::authentication_key));
    const auto complains_of_length = [](std::uint16_t status) {
        return status == sw::wrong_length || status == sw::conditions_not_satisfied;
    };
    Answer answer = card.send(iso7816::compute_digital_signature(hash_wanted, key, too_short));
    if (answer.status != sw::security_status_not_satisfied && !complains_of_length(answer.status)) {
        // No short form: the key's file is selected.
        card.select_ef(static_cast<std::uint16_t>(Ef::authentication_key));
        answer = card.send(iso7816::compute_digital_signature(hash_wanted, iso7816::current_file, too_short));
    }
    if (answer.status == sw::security_status_not_satisfied) return State::not_verified;
    return complains_of_length(answer.status) ? State::verified : State::cannot_tell;
}

std::string state_text(State state) {
    return state == State::verified ? "verified" : state == State::not_verified ? "not verified" : "cannot tell";
}

}  // namespace

std::vector<SurveyLine> survey_login(SurveyCard& card, KeyUse use, bool both_verified) {
    std::vector<SurveyLine> lines;
    const std::string name = name_of(use);
    const auto add = [&](const std::string& code, const std::string& what, const std::string& measured,
                         const std::string& assumed) {
        lines.push_back({code + "-" + name, what, measured, assumed});
    };
    add("login", name + " PIN after VERIFY", state_text(state_of(card, use)), "verified");
    const auto pin = iso7816::by_sfi(sfi_of(facts_of(use).pin));
    add("login-query", "tries query after VERIFY", answer_text(card.query_tries(pin, false)), "63Cx: it never tells of a login");
    if (both_verified)
        add("login-other", "the other PIN, verified before", state_text(state_of(card, other(use))),
            "verified; if not, its next use says 6982 and the login is gone");
    card.select_application();
    add("login-reselect", "after selecting the application again", state_text(state_of(card, use)),
        "verified; never relied on to log out");
    card.reset();
    if (card.select_application().status == sw::no_precise_diagnosis) card.select_application();
    add("login-reset", "after a warm reset", state_text(state_of(card, use)), "either; the next use finds out");
    return lines;
}

}  // namespace jpki::tool
