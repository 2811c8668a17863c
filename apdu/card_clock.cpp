// All of these functions or none: see card_clock.hpp.
#include "apdu/card_clock.hpp"

#include <thread>

namespace jpki {

CardClock::time_point CardClock::now() noexcept { return time_point(std::chrono::steady_clock::now().time_since_epoch()); }

void CardClock::sleep_for(std::chrono::microseconds time) { std::this_thread::sleep_for(time); }

std::chrono::milliseconds removal_notice() noexcept { return std::chrono::milliseconds(500); }

}  // namespace jpki
