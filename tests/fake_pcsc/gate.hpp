// Makes threads meet at a chosen point, without a sleep.
#pragma once

#include "fake_pcsc.hpp"

#include <atomic>
#include <chrono>
#include <fstream>
#include <semaphore>
#include <string>
#include <sys/types.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace jpki::fake {

// A point where one thread waits until the test opens it.
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

// A thread that sets `stop` waits at the start of the next call of that SCard* function, once.
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

// Waits until this thread of ours is blocked, for example on a lock that another thread holds, or has ended, as the kernel
// reports (proc(5), /proc/pid/stat: "tid (name) state ..."). 0: it has not started.
inline void until_it_sleeps(const std::atomic<pid_t>& thread) {
    for (;;) {
        std::this_thread::yield();
        if (thread == 0) continue;
        std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
        std::string stat;
        if (!std::getline(file, stat)) return;
        const auto name_end = stat.rfind(')');
        if (name_end != std::string::npos && stat.size() > name_end + 2 && stat[name_end + 2] == 'S') return;
    }
}

// Gives a thread time to get as far as it can, or until `done`. Too little only makes a test weaker.
inline void give_time(const std::atomic<pid_t>& thread, const std::atomic<bool>& done) {
    for (int i = 0; i < 50 && !done; ++i) {
        until_it_sleeps(thread);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

// Runs `call` in a new thread, and returns it once it is blocked or has ended.
template <class F> std::thread start_until_it_sleeps(F call) {
    std::atomic<pid_t> id = 0;
    std::thread started([&id, call = std::move(call)] {
        id = ::gettid();
        call();
    });
    until_it_sleeps(id);
    return started;
}

}  // namespace jpki::fake
