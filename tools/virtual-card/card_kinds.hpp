// Every kind of card that a user may hold, or that apdu/README.md cannot rule out, by name.
#pragma once

#include "card_model.hpp"

#include <span>
#include <string_view>

namespace jpki::model {

// What TestPki a card wants: one whose certificates have ended, or one whose holder's keys are of the next card's kind.
enum class Certificates { valid, expired, p384 };

struct CardKind {
    std::string_view name, description;
    void (*adjust)(Knobs&);  // from the default, an adult's card
    Certificates certificates = Certificates::valid;
};

std::span<const CardKind> card_kinds();
const CardKind* find_card_kind(std::string_view name);  // nullptr when there is none

}  // namespace jpki::model
