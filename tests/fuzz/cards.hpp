// The cards of the fuzzer system.
#pragma once

#include "card_model.hpp"

#include <memory>

namespace jpki::fuzz {

// A card of the kind that `kind` names, with some properties of its own by `extra`. Of one of two holders, each with PINs of
// their own.
std::shared_ptr<model::CardModel> card_of(std::uint8_t kind, std::uint8_t extra, unsigned holder);

}  // namespace jpki::fuzz
