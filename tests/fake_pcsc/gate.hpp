// Threads that are made to meet at a chosen point, without a sleep.
#pragma once

#include "fake_pcsc.hpp"

#include <semaphore>
#include <utility>

namespace jpki::fake {

// A place where one thread waits until the test lets it go on.
class Gate {
public:
    void wait_here() {
        arrived_.release();
        open_.acquire();
    }
    void until_somebody_waits() { arrived_.acquire(); }
    void open() { open_.release(); }

private:
    std::binary_semaphore arrived_{0}, open_{0};
};

// A thread that sets `stop` waits at the beginning of the next call of that SCard* function, once.
struct Stop {
    explicit Stop(Function at_) : at(at_) {}
    const Function at;
    Gate gate;
};
inline thread_local Stop* stop = nullptr;
// For on_call().
inline void stop_where_told(Function function) {
    if (stop && stop->at == function) std::exchange(stop, nullptr)->gate.wait_here();
}

}  // namespace jpki::fake
