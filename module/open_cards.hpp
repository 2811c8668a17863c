// The cards to which this process is connected, for the end of the process: reachable without the runtime, which may be in any
// state then.
#pragma once

#include "apdu/card.hpp"
#include "apdu/card_clock.hpp"
#include "apdu/thread_safety.hpp"

namespace jpki {

// Thread-safe. Allocates nothing. Its lock is held only briefly, except in reset_security_status_of_all().
class OpenCards {
public:
    // Lists `card` during its lifetime. Neither throws nor allocates.
    class Entry {
    public:
        Entry(OpenCards& cards, Card& card) noexcept;
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

    private:
        friend class OpenCards;
        OpenCards& cards_;
        Card& card_;
        Entry* previous_ = nullptr;
        Entry* next_ = nullptr;
    };

    // Resets the security status of every listed card at which a login of this process may be open
    // (Card::reset_security_status_by). Waits until `deadline` in total, for other threads and other programs. A card that
    // another thread disconnects waits for this. Returns whether no login is left open.
    bool reset_security_status_of_all(CardClock::time_point deadline) noexcept;

private:
    Mutex mutex_;
    Entry* first_ JPKI_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace jpki
