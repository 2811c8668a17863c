#include "test_clock.hpp"

#include "apdu/card_clock.hpp"

#include <thread>

namespace test_clock {

std::atomic<long> ahead = 0;
std::atomic<std::chrono::milliseconds> removal_notice{std::chrono::milliseconds(10)};

namespace {

std::atomic<int> sleepless = 0;                         // objects of SleepsTakeNoTime
std::atomic<std::chrono::microseconds::rep> slept = 0;  // by sleeps that took no time; never less, since the clock is steady

std::atomic<jpki::CardClock::duration> stands_at{};  // 0: it runs

}  // namespace

SleepsTakeNoTime::SleepsTakeNoTime() noexcept { ++sleepless; }
SleepsTakeNoTime::~SleepsTakeNoTime() { --sleepless; }
ClockStandsStill::ClockStandsStill() noexcept { stands_at = jpki::CardClock::now().time_since_epoch(); }
ClockStandsStill::~ClockStandsStill() { stands_at = jpki::CardClock::duration{0}; }

}  // namespace test_clock

namespace jpki {

CardClock::time_point CardClock::now() noexcept {
    const auto stands_at = test_clock::stands_at.load();
    if (stands_at.count() != 0) return time_point(stands_at);
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
