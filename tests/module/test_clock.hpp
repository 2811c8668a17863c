// The clock of card_clock.hpp as a test wants it: it can be advanced, a sleep of the module can advance it instead of taking
// time, and the fake of pcscd notices a removal sooner.
#pragma once

#include <atomic>
#include <chrono>

namespace test_clock {

extern std::atomic<long> ahead;                                // milliseconds
extern std::atomic<std::chrono::milliseconds> removal_notice;  // each Fixture sets it to 10 ms

// During its lifetime every sleep of the module, in all threads, advances the clock by its time, and takes none. For tests in
// which the module waits in vain, or for the test's own next step within such a wait; not for those in which another thread
// must do something before a wait is over.
class SleepsTakeNoTime {
public:
    SleepsTakeNoTime() noexcept;
    ~SleepsTakeNoTime();
    SleepsTakeNoTime(const SleepsTakeNoTime&) = delete;
    SleepsTakeNoTime& operator=(const SleepsTakeNoTime&) = delete;
};

// During its lifetime the clock shows the time of its beginning: no wait of the module is over because the machine is busy. One
// at a time.
class ClockStandsStill {
public:
    ClockStandsStill() noexcept;
    ~ClockStandsStill();
    ClockStandsStill(const ClockStandsStill&) = delete;
    ClockStandsStill& operator=(const ClockStandsStill&) = delete;
};

}  // namespace test_clock
