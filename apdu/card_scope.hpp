// The JPKI application within one operation of Card: the transaction, and that the application is selected.
#pragma once

#include "apdu/applet.hpp"
#include "apdu/connection.hpp"

namespace jpki {

class CardFiles;
class SecurityStatus;

// The state beyond one operation.
struct CardState {
    CardApplication& application;
    SecurityStatus& status;
    CardFiles& files;
    CommandProfile profile{};
    bool unconfirmed = false;  // the card may be another one, as after a while without a connection: no check has succeeded since
};

// All functions throw CardRemoved if another card is detected.
class CardScope {
public:
    CardScope(CardState& card, Connection::Exchange& exchange) noexcept : card_(card), exchange_(exchange) {}

    Connection::Exchange& exchange() noexcept { return exchange_; }
    Link::Transaction& transaction() noexcept { return exchange_.transaction(); }
    Applet applet() noexcept { return {exchange_.transaction(), card_.profile}; }
    // Believed: another program may have selected something else since. Not of a card that may be another one.
    bool selected() const noexcept { return !card_.unconfirmed && exchange_.selected(card_.application); }
    // Certain: in this transaction.
    bool certain() const noexcept { return exchange_.certain(card_.application); }

    // Makes certain that the JPKI application is selected, for commands that must not reach another one (1 command unless
    // certain()).
    void select_now();
    // Selects again after signs of another program, a reset or a swap in between (2 commands). The card must be the one that was
    // read so far.
    void reselect();
    // As select_now(), without a SELECT if possible: on a card where another SELECT ends a login, look() must not send one.
    void confirm_selected();

private:
    void select();
    void confirm_same_card(std::size_t size);
    void compare_with_card_read_before(std::size_t size);

    CardState& card_;
    Connection::Exchange& exchange_;
};

}  // namespace jpki
