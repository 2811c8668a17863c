// Times that a test must not have to wait for. card_clock.cpp defines them; a program that defines all of these functions itself,
// as the tests of the module do, has its own in their place, since the linker then does not take that file of the library.
#pragma once

#include <chrono>

namespace jpki {

// The clock by which what a card said ages, a consent ends, and waits for other programs and threads are limited: steady, in its
// own time points.
struct CardClock {
    using duration = std::chrono::steady_clock::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<CardClock, duration>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept;
    // The calling thread sleeps so long by this clock: the interval of a loop that polls for another program or thread. A
    // cancellation point.
    static void sleep_for(std::chrono::microseconds time);
};

// How long a removal of the card may stay unnoticed by pcscd, which polls every 400 ms.
std::chrono::milliseconds removal_notice() noexcept;

}  // namespace jpki
