// How long a command takes over a contactless link: the time on the air, the card's own time, and a signature's.
#pragma once

#include <chrono>
#include <cstddef>

namespace jpki::model {

struct Latency {
    double bits_per_second = 106'000;
    std::chrono::microseconds command{3'000};
    std::chrono::microseconds signature{400'000};

    std::chrono::microseconds of(std::size_t command_bytes, std::size_t answer_bytes, bool signed_something) const {
        const double air = static_cast<double>(command_bytes + answer_bytes) * 8.0 * 1e6 / bits_per_second;
        return command + std::chrono::microseconds(static_cast<long>(air)) +
               (signed_something ? signature : std::chrono::microseconds{0});
    }
};

}  // namespace jpki::model
