#include "test_clock.hpp"

#include "apdu/card_clock.hpp"

namespace test_clock {

std::atomic<long> ahead = 0;
std::atomic<std::chrono::milliseconds> removal_notice{std::chrono::milliseconds(10)};

}  // namespace test_clock

namespace jpki {

CardClock::time_point CardClock::now() noexcept {
    return time_point(
        (std::chrono::steady_clock::now() + std::chrono::milliseconds(test_clock::ahead.load())).time_since_epoch());
}

std::chrono::milliseconds removal_notice() noexcept { return test_clock::removal_notice.load(); }

}  // namespace jpki
