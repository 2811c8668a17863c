// The smallest SCard* that a fuzzer needs: one reader, one card model in it, and a hook on every answer.
#pragma once

#include "card_model.hpp"

#include <functional>
#include <memory>

namespace jpki::fuzz {

// Changes an answer between the card and the module. May throw model::CardModel::CardGone, or Trouble.
using Mutation = std::function<model::Bytes(model::Bytes answer)>;

// The answer is lost, and SCardTransmit returns this code instead. If it is a reset, the card has lost its application, and each
// connection reports it once.
struct Trouble {
    long code;
};

// A card in the reader, a new one for each input: a new insertion, old connections are invalid.
void put_card(std::shared_ptr<model::CardModel> card, Mutation mutation);
// The same with another card, or none, during an input; answers are still changed. The previous card
// loses its power.
void exchange_card(std::shared_ptr<model::CardModel> card);
// A new insertion of a card: the event counter increments, old connections are invalid.
void bump_events();
// Stops or starts pcscd.
void set_service(bool running);
// Another program resets the card.
void reset_card();
// After `calls` more calls of SCardConnect, SCardReconnect, SCardBeginTransaction, SCardEndTransaction or SCardGetAttrib,
// the next `times` of them return `code` and do nothing.
void trouble_ahead(unsigned calls, unsigned times, long code);

}  // namespace jpki::fuzz
