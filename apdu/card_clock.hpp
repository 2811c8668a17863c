// The clock by which a card's answers age.
#pragma once

#include <atomic>
#include <chrono>

namespace jpki {

// A steady clock that the tests can put forward, so that none of them has to wait for a second to pass.
struct CardClock : std::chrono::steady_clock {
    static time_point now() noexcept { return std::chrono::steady_clock::now() + std::chrono::milliseconds(ahead.load()); }
    static inline std::atomic<long> ahead = 0;
};

}  // namespace jpki
