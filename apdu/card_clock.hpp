// The clock for the age of a card's answers.
#pragma once

#include <atomic>
#include <chrono>

namespace jpki {

// A steady clock that tests can advance, so that they do not have to wait for a second to pass.
struct CardClock : std::chrono::steady_clock {
    static time_point now() noexcept { return std::chrono::steady_clock::now() + std::chrono::milliseconds(ahead.load()); }
    static inline std::atomic<long> ahead = 0;
};

}  // namespace jpki
