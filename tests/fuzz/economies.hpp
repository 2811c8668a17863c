// Time for the fuzzers: their clock stands still (economies.cpp).
#pragma once

#include <chrono>

namespace jpki::fuzz {

// What a command takes at a card, for example.
void let_time_pass(std::chrono::nanoseconds);

}  // namespace jpki::fuzz
