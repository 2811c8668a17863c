// Inside of Card only: one operation, its lock and its transaction.
#pragma once

#include "apdu/card.hpp"

#include <utility>

namespace jpki {

class Card::Scope {
public:
    explicit Scope(Card& card) : card_(card) {
        if (!card_.transaction_) {
            card_.selected_now_ = false;
            card_.transaction_.emplace(*card_.link_);
            if (card_.transaction_->was_reset()) card_.note_reset(*card_.transaction_);
            if (std::exchange(card_.was_let_go_, false)) card_.unconfirmed_ = true;
        }
    }
    ~Scope() {
        if (!card_.held_) card_.transaction_.reset();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    Link::Transaction& transaction() noexcept { return *card_.transaction_; }
    Applet applet() noexcept { return {*card_.transaction_, card_.profile_}; }

private:
    Card& card_;
};

// Has what an operation learned, also one that failed, known to everybody at its end.
class Card::Publisher {
public:
    explicit Publisher(Card& card) : card_(card) {}
    ~Publisher() { card_.publish(); }
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

private:
    Card& card_;
};

template <class F> auto Card::run(F&& f) {
    return watched([&] {
        if (status_.reset_due() || held_by_somebody_else()) reset_security_status_now();
        return in_transaction(f);
    });
}

template <class F> auto Card::in_transaction(F&& f) {
    Scope scope(*this);
    try {
        return f(scope);
    } catch (const TransportFault&) {
        // The connection is given up, and nobody can log out through it any more. Should the card still be there, it must not
        // go on honouring a PIN.
        if (may_be_open()) scope.transaction().power_off_at_end();
        throw;
    }
}

template <class F> auto Card::watched(F&& f) {
    const auto lock = take_turn();
    return watched_locked(f);
}

// Under the lock, with what a fault means for the connection.
template <class F> auto Card::watched_locked(F&& f) {
    const Publisher publisher(*this);
    if (gone()) throw CardRemoved("card removed");
    try {
        return f();
    } catch (const CardRemoved& fault) {
        log_.info(fault.what());
        removed_ = true;
        give_up();
        throw;
    } catch (const TransportFault&) {
        give_up();
        throw;
    } catch (const CardFault&) {
        // The connection stays. What is selected is not certain any more. The caller logs it.
        selected_ = false;
        throw;
    }
}

}  // namespace jpki
