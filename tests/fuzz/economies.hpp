// Time for the fuzzers: their clock advances only by sleeps (economies.cpp).
#pragma once

#include <chrono>

namespace jpki::fuzz {

// For example the time of a command at a card.
void let_time_pass(std::chrono::nanoseconds);

}  // namespace jpki::fuzz
