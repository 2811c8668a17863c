// The smallest SCard* that a fuzzer needs: one reader, one card model in it, and a say in every answer.
#pragma once

#include "card_model.hpp"

#include <functional>
#include <memory>

namespace jpki::fuzz {

// What becomes of an answer on its way from the card to the module. May throw model::CardModel::CardGone, or Trouble.
using Mutation = std::function<model::Bytes(model::Bytes answer)>;

// The answer is lost, and SCardTransmit says this instead. A reset is one: the card has forgotten its application, and each
// connection is told once.
struct Trouble {
    long code;
};

// A card in the reader, a fresh one for each input: another stay, old connections are dead.
void put_card(std::shared_ptr<model::CardModel> card, Mutation mutation);
// The same with another card, or none, in the middle of an input; the answers go on being changed as before. The card that
// was there loses its power.
void exchange_card(std::shared_ptr<model::CardModel> card);
// Another stay of a card: the event counter moves on, old connections are dead.
void bump_events();
// pcscd away or there.
void set_service(bool running);
// Another program resets the card.
void reset_card();
// After `calls` more calls of SCardConnect, SCardReconnect, SCardBeginTransaction, SCardEndTransaction or SCardGetAttrib,
// the next `times` of them say `code` and do nothing.
void trouble_ahead(unsigned calls, unsigned times, long code);

}  // namespace jpki::fuzz
