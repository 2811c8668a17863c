// Faults: answers that no correct card gives. Regular answers (accepted, rejected, blocked, not verified) are values.
#pragma once

#include <stdexcept>

namespace jpki {

// The card or its reader was removed, or the resource manager ended.
struct CardRemoved : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Another program uses the card for longer than the wait. Nothing was sent; a later call may succeed.
struct CardBusy : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The card, the reader or the answer is faulty: unknown status word, malformed file, wrong signature.
struct CardFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Another program, or a loss of power, reset the card inside our transaction: the command was not answered. The connection is
// usable after the next transaction has begun.
struct CardReset : CardFault {
    using CardFault::CardFault;
};

// A certificate file that was read twice and does not contain a certificate. Other files of the card are not affected.
struct UnusableFile : CardFault {
    using CardFault::CardFault;
};

// The transport failed during a command: the connection cannot be trusted any more.
struct TransportFault : CardFault {
    using CardFault::CardFault;
};

}  // namespace jpki
