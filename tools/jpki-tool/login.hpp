// From the PIN entry to the card: the texts before, the checks before, the meaning of the answer.
#pragma once

#include "card_access.hpp"
#include "command.hpp"

namespace jpki::tool {

// The retry counter, queried now. Throws Failure(not_on_card) if the card has no such PIN, Failure(pin_blocked), and
// Failure(last_try_withheld) with one try left unless --last-try was given. Costs no try.
int tries_before_asking(Context& context, OpenCard& card, KeyUse use);

// Asks for the PIN of `use`, naming PIN, card and tries left, and has the card verify it once. No command
// is repeated. `hold` as for Card::verify. Throws Failure(pin_wrong, pin_blocked, pin_not_sent ...).
void log_in(Context& context, OpenCard& card, KeyUse use, PinSource& source, const std::string& purpose, Card::Holder hold = {});

// Whether the user allows the last try (--last-try).
inline LastTry last_try(const Context& context) { return context.pin.last_try ? LastTry::spend : LastTry::withhold; }

// One PIN entered, by the rules of `use`; `fresh` for a new PIN. Throws Failure(pin_not_sent).
void enter_pin(PinSource& source, KeyUse use, const PinRequest& request, bool fresh, Secret& pin);

// The meaning of the card's answer for the user; returns if the PIN was accepted.
void judge_answer(KeyUse use, const PinAnswer& answer);

}  // namespace jpki::tool
