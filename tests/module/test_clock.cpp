#include "test_clock.hpp"

#include "apdu/card_clock.hpp"

#include <thread>

namespace test_clock {

std::atomic<long> ahead = 0;
std::atomic<std::chrono::milliseconds> removal_notice{std::chrono::milliseconds(10)};

namespace {

std::atomic<int> sleepless = 0;                         // objects of SleepsTakeNoTime
std::atomic<std::chrono::microseconds::rep> slept = 0;  // by sleeps that took no time; never less, since the clock is steady

}  // namespace

SleepsTakeNoTime::SleepsTakeNoTime() noexcept { ++sleepless; }
SleepsTakeNoTime::~SleepsTakeNoTime() { --sleepless; }

}  // namespace test_clock

namespace jpki {

CardClock::time_point CardClock::now() noexcept {
    return time_point((std::chrono::steady_clock::now() + std::chrono::milliseconds(test_clock::ahead.load()) +
                       std::chrono::microseconds(test_clock::slept.load()))
                          .time_since_epoch());
}

void CardClock::sleep_for(std::chrono::microseconds time) {
    if (test_clock::sleepless == 0) std::this_thread::sleep_for(time);
    else test_clock::slept += time.count();
}

std::chrono::milliseconds removal_notice() noexcept { return test_clock::removal_notice.load(); }

}  // namespace jpki
