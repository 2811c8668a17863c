// Every kind of card that a user may hold, or that apdu/README.md cannot rule out, by name.
#pragma once

#include "card_model.hpp"

#include <span>
#include <string_view>

namespace jpki::model {

struct CardKind {
    std::string_view name, description;
    void (*adjust)(Knobs&);      // from the default, an adult's card
    bool expired = false;        // wants a TestPki whose certificates have ended
};

std::span<const CardKind> card_kinds();
const CardKind* find_card_kind(std::string_view name);  // nullptr when there is none

}  // namespace jpki::model
