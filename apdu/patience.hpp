// Bounded waits, by polling, for another program or thread.
#pragma once

#include "apdu/card_clock.hpp"
#include "apdu/thread_safety.hpp"

#include <chrono>

namespace jpki {

// The interval of polling for another program's end: a few milliseconds, since a user waits, and never the same number
// twice in a row, since a program that uses the card at regular intervals would be met busy every time.
inline void pause_between_polls() {
    const auto now = static_cast<unsigned long>(CardClock::now().time_since_epoch().count());
    CardClock::sleep_for(std::chrono::microseconds(500 + now % 3001));
}

// Takes `mutex`, or stops at `deadline` or as soon as `worth_it` returns false. The first attempt is always made. True: it is
// taken, for a MutexLock with std::adopt_lock.
template <class Predicate> bool lock_until(Mutex& mutex, CardClock::time_point deadline, Predicate worth_it)
    JPKI_TRY_ACQUIRE(true, mutex) {
    for (;;) {
        if (mutex.try_lock()) return true;
        if (!worth_it() || CardClock::now() >= deadline) return false;
        CardClock::sleep_for(std::chrono::milliseconds(2));
    }
}

// Only at the end of the process: the thread that holds the mutex may never release it.
inline bool lock_until(Mutex& mutex, CardClock::time_point deadline) JPKI_TRY_ACQUIRE(true, mutex) {
    return lock_until(mutex, deadline, [] { return true; });
}

}  // namespace jpki
