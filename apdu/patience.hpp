// Waiting for a mutex for a bounded time, where the mutex itself cannot do so.
#pragma once

#include <chrono>
#include <mutex>
#include <thread>

namespace jpki {

// Takes `mutex`, or gives up at `deadline` or as soon as `worth_it` says no: the result then owns nothing. The first attempt is
// made in any case.
template <class Predicate>
std::unique_lock<std::mutex> lock_until(std::mutex& mutex, std::chrono::steady_clock::time_point deadline, Predicate worth_it) {
    std::unique_lock lock(mutex, std::try_to_lock);
    while (!lock && worth_it() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        lock.try_lock();
    }
    return lock;
}

// The same whatever happens meanwhile. For the end of the process, where the thread that holds the mutex may never release it.
inline std::unique_lock<std::mutex> lock_until(std::mutex& mutex, std::chrono::steady_clock::time_point deadline) {
    return lock_until(mutex, deadline, [] { return true; });
}

}  // namespace jpki
