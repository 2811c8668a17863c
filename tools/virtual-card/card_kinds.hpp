// The kinds of card by name: those that a user may hold, and those that apdu/README.md cannot rule out.
#pragma once

#include "card_model.hpp"

#include <span>
#include <string_view>

namespace jpki::model {

// The TestPki of a card: valid certificates, expired ones, or certificates for P-384 keys (apdu/README.md, The next card).
enum class Certificates { valid, expired, p384 };

struct CardKind {
    std::string_view name, description;
    void (*adjust)(Knobs&);  // changes the default, an adult's card
    Certificates certificates = Certificates::valid;
};

std::span<const CardKind> card_kinds();
const CardKind* find_card_kind(std::string_view name);  // nullptr if no kind has this name

}  // namespace jpki::model
