// The clock and the waits of the fuzzers of the whole module. Linked with --wrap (CMakeLists.txt), so that the module is
// unchanged.
#include "clock.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <pthread.h>

namespace {

// Also read by the thread in which the module connects.
std::atomic<std::chrono::nanoseconds> time_passed{std::chrono::hours(1)};
std::atomic<bool> waits_time_out = false;

}  // namespace

namespace jpki::fuzz {

void let_time_pass(std::chrono::nanoseconds time) { time_passed = time_passed.load() + time; }

void let_waits_time_out(bool value) { waits_time_out = value; }

}  // namespace jpki::fuzz

extern "C" {

// Sleeps take no real time, and appear long, as on a very busy machine.
int __wrap_nanosleep(const std::timespec* wanted, std::timespec*);
int __wrap_nanosleep(const std::timespec* wanted, std::timespec*) {
    jpki::fuzz::let_time_pass(100 * (std::chrono::seconds(wanted->tv_sec) + std::chrono::nanoseconds(wanted->tv_nsec)));
    return 0;
}
// steady_clock::now(), whose time_point is returned as its number.
std::chrono::nanoseconds::rep __wrap__ZNSt6chrono3_V212steady_clock3nowEv();
std::chrono::nanoseconds::rep __wrap__ZNSt6chrono3_V212steady_clock3nowEv() { return time_passed.load().count(); }

// A condition variable's wait until a time of that clock: in the module for the thread that connects, in the fake of PC/SC for a
// change of readers. One whose time has passed already ends.
int __real_pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t, const std::timespec*);
int __wrap_pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t, const std::timespec* until);
int __wrap_pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                  const std::timespec* until) {
    const auto end = std::chrono::seconds(until->tv_sec) + std::chrono::nanoseconds(until->tv_nsec);
    if (end < time_passed.load()) return ETIMEDOUT;
    if (waits_time_out) {
        time_passed = end;
        return ETIMEDOUT;
    }
    std::timespec soon{};
    clock_gettime(clock, &soon);
    ++soon.tv_sec;
    const int rc = __real_pthread_cond_clockwait(condition, mutex, clock, &soon);
    // It waits for something that no longer comes, as the end of a transaction whose end failed.
    if (rc == ETIMEDOUT) {
        waits_time_out = true;
        time_passed = std::max(time_passed.load(), end);
    }
    return rc;
}

}  // extern "C"
