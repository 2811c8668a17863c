// Waiting for a mutex for a bounded time, where the mutex itself cannot do so.
#pragma once

#include <chrono>
#include <mutex>
#include <thread>

namespace jpki {

// Takes `mutex`, or gives up at `deadline`: the result then owns nothing. The first attempt is made in any case. For the end
// of the process, where the thread that holds the mutex may never release it.
inline std::unique_lock<std::mutex> lock_until(std::mutex& mutex, std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex, std::try_to_lock);
    while (!lock && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        lock.try_lock();
    }
    return lock;
}

}  // namespace jpki
