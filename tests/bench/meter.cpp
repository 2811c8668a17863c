#include "meter.hpp"

namespace jpki::bench {

// Reading the card's counters takes time too: the clock runs only between the two reads.
void Meter::start() {
    counts_at_start_ = card_.counts();
    started_ = Clock::now();
}

void Meter::stop() {
    time_ += Clock::now() - started_;
    counts_ += card_.counts() - counts_at_start_;
}

}  // namespace jpki::bench
