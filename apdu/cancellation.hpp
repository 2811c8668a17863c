// pthread_cancel: a thread of the host is not cancelled inside our code.
#pragma once

#include <pthread.h>

namespace jpki {

// Disables cancellation of this thread during its lifetime, then restores the host's state (POSIX, pthread_setcancelstate).
// A cancellation during a call would unwind through noexcept functions, which ends the process, or leave a mutex of
// libpcsclite locked. A request that arrives meanwhile takes effect at the host's next cancellation point.
class CancellationDisabled {
public:
    CancellationDisabled() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
    ~CancellationDisabled() {
        int disabled = 0;
        ::pthread_setcancelstate(before_, &disabled);
    }
    CancellationDisabled(const CancellationDisabled&) = delete;
    CancellationDisabled& operator=(const CancellationDisabled&) = delete;

private:
    int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace jpki
