// A call of libpcsclite that holds a mutex of the whole process, during which fork() in another thread waits.
//
// libpcsclite holds such a mutex while it establishes or releases a context, and from 2.0.1 on while it asks pcscd for the states
// of the readers (SCardListReaders, SCardStatus, the start of SCardGetStatusChange). A child that is forked at that moment
// inherits the locked mutex, and its first call of that kind never returns. So fork() waits until these calls have ended, and
// none begins before it has returned (pthread_atfork, registered when the library is loaded).
//
// Both waits are limited to fork_patience: pcscd may not answer, and a handler of the host's own may wait in fork() for a lock
// whose owner waits here. After that the child can inherit a locked mutex, as without all this. posix_spawn(), system() and
// vfork() call no handlers.
#pragma once

#include <chrono>

namespace jpki {

inline constexpr std::chrono::milliseconds fork_patience{500};

// Made around the call, by the thread that calls. They may be nested.
class ForkDeferral {
public:
    // If another thread is in fork(): waits until it has returned, at most for fork_patience.
    ForkDeferral() noexcept;
    ~ForkDeferral();
    ForkDeferral(const ForkDeferral&) = delete;
    ForkDeferral& operator=(const ForkDeferral&) = delete;
};

// Before the code is unloaded: waits until no thread is in fork(), whose handlers are here, at most for fork_patience.
void wait_for_forks() noexcept;

}  // namespace jpki
