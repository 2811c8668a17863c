// `survey`: what a real card does where apdu/README.md has a guess or one author's word. Only commands that cost no try, change
// nothing and cannot sign; see survey_card.hpp for how that is made sure.
#pragma once

#include "survey_card.hpp"

#include <string>
#include <vector>

namespace jpki::tool {

struct SurveyLine {
    std::string code;  // stable
    std::string what;  // one line of English: the report is for developers
    std::string measured;
    std::string assumed;  // what the module assumes, or does with every answer
};

// All that can be measured without a PIN. Throws Failure and Interrupted.
std::vector<SurveyLine> survey(SurveyCard& card, const Signals& signals);

// What needs a login. Both are called with `use` verified, and end with the card as it then is.
std::vector<SurveyLine> survey_login(SurveyCard& card, KeyUse use, bool both_verified);

// "6982 (0 bytes)".
std::string answer_text(const SurveyCard::Answer& answer);

}  // namespace jpki::tool
