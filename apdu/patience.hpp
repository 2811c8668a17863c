// Bounded waits for a mutex that has no bounded wait itself.
#pragma once

#include "apdu/thread_safety.hpp"

#include <chrono>
#include <mutex>
#include <thread>

namespace jpki {

// The interval of polling for another program's end: a few milliseconds, since a user waits, and never the same number
// twice in a row, since a program that uses the card at regular intervals would be met busy every time.
inline void pause_between_polls() {
    const auto now = static_cast<unsigned long>(std::chrono::steady_clock::now().time_since_epoch().count());
    std::this_thread::sleep_for(std::chrono::microseconds(500 + now % 3001));
}

// Takes `mutex`, or stops at `deadline` or as soon as `worth_it` returns false: the result then owns nothing. The first attempt
// is always made.
template <class Predicate>
std::unique_lock<std::mutex> lock_until(std::mutex& mutex, std::chrono::steady_clock::time_point deadline, Predicate worth_it) {
    std::unique_lock lock(mutex, std::try_to_lock);
    while (!lock && worth_it() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (lock.try_lock()) break;
    }
    return lock;
}

// The same for a Mutex. True: it is taken, for a MutexLock with std::adopt_lock.
template <class Predicate> bool lock_until(Mutex& mutex, std::chrono::steady_clock::time_point deadline, Predicate worth_it)
    JPKI_TRY_ACQUIRE(true, mutex) {
    for (;;) {
        if (mutex.try_lock()) return true;
        if (!worth_it() || std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

// Only at the end of the process: the thread that holds the mutex may never release it.
inline std::unique_lock<std::mutex> lock_until(std::mutex& mutex, std::chrono::steady_clock::time_point deadline) {
    return lock_until(mutex, deadline, [] { return true; });
}

inline bool lock_until(Mutex& mutex, std::chrono::steady_clock::time_point deadline) JPKI_TRY_ACQUIRE(true, mutex) {
    return lock_until(mutex, deadline, [] { return true; });
}

}  // namespace jpki
