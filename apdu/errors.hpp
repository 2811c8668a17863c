// Faults: what no proper card answers. Proper answers (accepted, rejected, blocked, not verified) are values.
#pragma once

#include <stdexcept>

namespace jpki {

// The card or its reader is not there any more, or the resource manager is gone.
struct CardRemoved : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Another program keeps the card to itself for longer than we wait. Nothing was sent; a later call may succeed.
struct CardBusy : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The card, the reader or what came back is broken: unknown status word, malformed file, wrong signature.
struct CardFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Another program, or a loss of power, reset the card inside our transaction: the command was not answered. The connection is
// good after the next transaction has begun.
struct CardReset : CardFault {
    using CardFault::CardFault;
};

// A certificate file whose content was read twice and is no certificate. What else the card has is not concerned.
struct UnusableFile : CardFault {
    using CardFault::CardFault;
};

// The transport failed in the middle of a command: the connection cannot be trusted any more.
struct TransportFault : CardFault {
    using CardFault::CardFault;
};

}  // namespace jpki
