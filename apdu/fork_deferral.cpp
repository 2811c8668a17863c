#include "apdu/fork_deferral.hpp"

#include "apdu/cancellation.hpp"
#include "apdu/card_clock.hpp"

#include <atomic>
#include <pthread.h>

namespace jpki {

namespace {

// No mutex: the child would inherit it locked, and fork() may be called in a signal handler that interrupted its owner.
constinit std::atomic<int> calls = 0;  // under way, in all threads
constinit std::atomic<int> forks = 0;
constinit thread_local int calls_of_this_thread = 0;
constinit thread_local bool this_thread_forks = false;

// False: in vain. In a thread of the host, which may have been cancelled: that would leave a counter raised.
template <class Predicate> bool wait_for(Predicate done) noexcept {
    const CancellationDisabled uncancelled;
    const auto deadline = CardClock::now() + fork_patience;
    bool is_done = done();
    for (; !is_done && CardClock::now() < deadline; is_done = done()) CardClock::sleep_for(std::chrono::microseconds(200));
    return is_done;
}

bool no_fork() noexcept { return forks == 0; }

// Each side announces itself before it looks at the other: at least one of two that meet sees the other, and waits.
void before_fork() {
    this_thread_forks = true;
    ++forks;
    // A signal handler that interrupted a call of its own thread would wait in vain.
    wait_for([] { return calls == calls_of_this_thread; });
}

void after_fork_in_parent() {
    this_thread_forks = false;
    --forks;  // the last step: the code may be unloaded then
}

// Only the thread that called fork() exists here.
void after_fork_in_child() {
    calls = calls_of_this_thread;
    forks = 0;
    this_thread_forks = false;
}

// Where there is no memory for it, fork() does not wait.
[[maybe_unused]] const int registered = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);

}  // namespace

ForkDeferral::ForkDeferral() noexcept {
    ++calls;
    // Not if fork() waits for another such call of this thread, or if another handler of fork() makes this call.
    bool waits = calls_of_this_thread == 0 && !this_thread_forks;
    while (waits && forks != 0) {
        --calls;
        waits = wait_for(no_fork);
        ++calls;
    }
    ++calls_of_this_thread;
}

ForkDeferral::~ForkDeferral() {
    --calls_of_this_thread;
    --calls;
}

void wait_for_forks() noexcept { wait_for(no_fork); }

}  // namespace jpki
