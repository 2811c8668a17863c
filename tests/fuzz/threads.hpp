// The threads in which the module connects, when no call waits for them any more. One that were still there in the next input
// would act on the world of that one, and LeakSanitizer takes what a thread allocates while it begins or ends for a leak.
#pragma once

#include "must.hpp"

#include <poll.h>
#include <sys/stat.h>

namespace jpki::fuzz {

// Threads of this process, also one that has only begun or not quite ended.
inline nlink_t threads_now() {
    struct stat status {};
    must(::stat("/proc/self/task", &status) == 0 && status.st_nlink > 2);
    return status.st_nlink - 2;
}

// First called before the first input does anything: those of libFuzzer itself.
inline nlink_t threads_of_fuzzer() {
    static const nlink_t number = threads_now();
    return number;
}

// Whether the module's threads have ended, within this many times 10 ms. poll(2): sleeps take no time here.
inline bool threads_have_ended(int times = 1000) {
    for (int i = 0; i < times && threads_now() > threads_of_fuzzer(); ++i) ::poll(nullptr, 0, 10);
    return threads_now() <= threads_of_fuzzer();
}

}  // namespace jpki::fuzz
