// A PIN from the user to the card: what is said before, what is checked before, what the answer means.
#pragma once

#include "card_access.hpp"
#include "command.hpp"

namespace jpki::tool {

// What the card says of a PIN, asked now. Throws Failure(not_on_card) when it has no such PIN, Failure(pin_blocked), and
// Failure(last_try_withheld) with one try left unless --last-try was given. Costs no try.
int tries_before_asking(Context& context, OpenCard& card, KeyUse use);

// Asks for the PIN of `use`, saying which, for which card and with how many tries left, and has the card verify it. Once; the
// card is asked again for nothing. `hold` as for Card::verify. Throws Failure(pin_wrong, pin_blocked, pin_not_sent ...).
void log_in(Context& context, OpenCard& card, KeyUse use, PinSource& source, const std::string& purpose, Card::Holder hold = {});

// One PIN entered, by the rules of `use`; `fresh` for a PIN that must be set. Throws Failure(pin_not_sent).
void enter_pin(PinSource& source, KeyUse use, const PinRequest& request, bool fresh, Secret& pin);

// What the answer of the card means for the user; returns when the PIN was accepted.
void judge_answer(KeyUse use, const Card::VerifyAnswer& answer);

}  // namespace jpki::tool
