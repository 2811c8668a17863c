// Inside of Card only: one operation, its lock and its transaction.
#pragma once

#include "apdu/card.hpp"

namespace jpki {

class Card::Scope {
public:
    explicit Scope(Card& card) : card_(card) {
        if (!card_.transaction_) {
            card_.selected_now_ = false;
            card_.transaction_.emplace(*card_.link_);
            // A warm reset keeps the PIN state (CARD.md, State) and deselects the application; whether it does on this card
            // is for the card to say at the next use.
            if (card_.transaction_->was_reset()) card_.selected_ = false;
        }
    }
    ~Scope() {
        if (!card_.held_) card_.transaction_.reset();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    Link::Transaction& transaction() noexcept { return *card_.transaction_; }
    Applet applet() noexcept { return {*card_.transaction_, card_.dialect_}; }

private:
    Card& card_;
};

template <class F> auto Card::run(F&& f) {
    const std::scoped_lock lock(mutex_);
    if (gone()) throw CardRemoved("the card was removed");
    try {
        Scope scope(*this);
        return f(scope);
    } catch (const CardRemoved& fault) {
        give_up(fault);
        throw;
    } catch (const TransportFault& fault) {
        give_up(fault);
        throw;
    } catch (const CardFault& fault) {
        // The connection stays. What is selected is not certain any more.
        log_.error(fault.what());
        selected_ = false;
        throw;
    }
}

}  // namespace jpki
