// Commands, bytes and time between start and stop; several intervals add up.
#pragma once

#include "card_control.hpp"

#include <chrono>

namespace jpki::bench {

class Meter {
public:
    explicit Meter(CardControl& card) : card_(card) {}
    void start();
    void stop();
    const Counts& counts() const { return counts_; }
    double milliseconds() const { return std::chrono::duration<double, std::milli>(time_).count(); }

private:
    using Clock = std::chrono::steady_clock;
    CardControl& card_;
    Counts counts_, counts_at_start_;
    Clock::duration time_{};
    Clock::time_point started_;
};

}  // namespace jpki::bench
