// An application on a card, as the connection to the card sees it.
#pragma once

#include "apdu/bytes.hpp"
#include "apdu/link.hpp"

#include <optional>
#include <string>

namespace jpki {

// The connection calls all of these for one operation at a time.
class CardApplication {
public:
    virtual ~CardApplication() = default;

    // Sends SELECT by AID. False: the card has no such application. `first_command`: the SELECT is repeated once after an odd
    // answer, since a card may answer 6F00 once after a cold reset. Throws CardFault if the last answer is odd.
    virtual bool select(Link::Transaction& transaction, bool first_command) = 0;

    // A transaction began, and the card was reset before it: nothing is selected.
    virtual void card_was_reset(bool lost_power) = 0;
    // A transaction began, and there was no connection before it: the card may be another one.
    virtual void connected_again() = 0;
    // No login of this application is open: another one was selected, the card lost its power, or the connection was
    // closed.
    virtual void security_status_ended() noexcept = 0;

    // Whether a login of this process may be open at the card: a connection that fails then powers the card off.
    virtual bool may_be_open() const noexcept = 0;
    // At the beginning of every operation of any application: sends what the card must get before any other command, and ends a
    // transaction that is held for another thread or session.
    virtual void prepare() = 0;
    // Called at the end of every operation, also of one that failed.
    virtual void operation_ended() noexcept = 0;
};

// SELECT by AID. No value: an odd answer, which `answer` describes; with `first_command` the SELECT was
// sent twice then. Throws TransportFault, CardRemoved, and CardReset if there was no answer.
std::optional<bool> select_application(Link::Transaction& transaction, ByteView aid, bool first_command, std::string& answer);

}  // namespace jpki
