// Inside of Card only: an operation and its transaction.
#pragma once

#include "apdu/card.hpp"

namespace jpki {

template <class F> auto Card::run(F&& f) {
    return connection_.run([&](Connection::Exchange& exchange) {
        Scope scope(state_, exchange);
        return f(scope);
    });
}

template <class F> auto Card::in_transaction(F&& f) {
    connection_.assert_turn();
    return connection_.in_transaction([&](Connection::Exchange& exchange) {
        Scope scope(state_, exchange);
        return f(scope);
    });
}

}  // namespace jpki
