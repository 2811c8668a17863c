// Inside of Card only: what one operation uses while it has its turn.
#pragma once

#include "apdu/card.hpp"

namespace jpki {

class Card::Scope {
public:
    Scope(Card& card, Connection::Exchange& exchange) noexcept : card_(card), exchange_(exchange) {}

    Connection::Exchange& exchange() noexcept { return exchange_; }
    Link::Transaction& transaction() noexcept { return exchange_.transaction(); }
    Applet applet() noexcept { return {exchange_.transaction(), card_.profile_}; }

private:
    Card& card_;
    Connection::Exchange& exchange_;
};

template <class F> auto Card::run(F&& f) {
    return connection_.run([&](Connection::Exchange& exchange) {
        Scope scope(*this, exchange);
        return f(scope);
    });
}

template <class F> auto Card::in_transaction(F&& f) {
    connection_.assert_turn();
    return connection_.in_transaction([&](Connection::Exchange& exchange) {
        Scope scope(*this, exchange);
        return f(scope);
    });
}

}  // namespace jpki
