// The smallest SCard* that a fuzzer needs: one reader, one card model in it, and a say in every answer.
#pragma once

#include "card_model.hpp"

#include <functional>
#include <memory>

namespace jpki::fuzz {

// What becomes of an answer on its way from the card to the module. May throw model::CardModel::CardGone.
using Mutation = std::function<model::Bytes(model::Bytes answer)>;

// A card in the reader, a fresh one for each input.
void put_card(std::shared_ptr<model::CardModel> card, Mutation mutation);
// Another stay of a card: the event counter moves on, old connections are dead.
void bump_events();
// pcscd away or there.
void set_service(bool running);

}  // namespace jpki::fuzz
