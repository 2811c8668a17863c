// Both functions or neither: see card_clock.hpp.
#include "apdu/card_clock.hpp"

namespace jpki {

CardClock::time_point CardClock::now() noexcept { return time_point(std::chrono::steady_clock::now().time_since_epoch()); }

std::chrono::milliseconds removal_notice() noexcept { return std::chrono::milliseconds(500); }

}  // namespace jpki
