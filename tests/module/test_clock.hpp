// The clock of card_clock.hpp as a test wants it: it can be advanced, and the fake of pcscd notices a removal sooner.
#pragma once

#include <atomic>
#include <chrono>

namespace test_clock {

extern std::atomic<long> ahead;                                // milliseconds
extern std::atomic<std::chrono::milliseconds> removal_notice;  // each Fixture sets it to 10 ms

}  // namespace test_clock
