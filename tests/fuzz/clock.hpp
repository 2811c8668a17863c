// Time for the fuzzers: their clock advances only by sleeps (clock.cpp).
#pragma once

#include <chrono>

namespace jpki::fuzz {

// For example the time of a command at a card.
void let_time_pass(std::chrono::nanoseconds);

// Whether a wait of the module for another thread ends by its time, at once. Otherwise the other thread is really waited
// for; if it has not answered within a second, all further waits end at once.
void let_waits_time_out(bool);

}  // namespace jpki::fuzz
