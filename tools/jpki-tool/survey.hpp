// `survey`: measures a real card where apdu/README.md has a guess or a single source. Only commands that cost no try, change
// nothing and cannot sign; survey_card.hpp enforces that.
#pragma once

#include "survey_card.hpp"

#include <string>
#include <vector>

namespace jpki::tool {

struct SurveyLine {
    std::string code;  // stable
    std::string what;  // one line of English: the report is for developers
    std::string measured;
    std::string assumed;  // the module's assumption, or how it handles every answer
};

// All measurements without a PIN. Throws Failure and Interrupted.
std::vector<SurveyLine> survey(SurveyCard& card, const Signals& signals);

// Measurements with a login. Both are called with `use` verified, and keep the card's state at their end.
std::vector<SurveyLine> survey_login(SurveyCard& card, KeyUse use, bool both_verified);

// "6982 (0 bytes)".
std::string answer_text(const SurveyCard::Answer& answer);

}  // namespace jpki::tool
