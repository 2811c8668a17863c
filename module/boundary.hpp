// The C boundary: every C_* function is one call of guarded(); no exception leaves it, and no thread is cancelled inside.
#pragma once

#include "apdu/cancellation.hpp"
#include "apdu/errors.hpp"
#include "module/runtime.hpp"

#include <exception>
#include <new>

namespace jpki {

// The CK_RV for the exception that is being handled, with one log line if the CK_RV alone says too little.
CK_RV code_of_current_exception() noexcept;

template <class F> CK_RV guarded(F&& f) noexcept {
    const CancellationDisabled uncancelled;
    try {
        f();
        return CKR_OK;
    } catch (...) {
        return code_of_current_exception();
    }
}

// The same for calls on the operations of a session: `f(runtime, session, operations)` runs under the session's lock.
template <class F> CK_RV in_session(CK_SESSION_HANDLE handle, F&& f) noexcept {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        const MutexLock lock(session->mutex);
        f(*runtime, *session, session->operations);
    });
}

// C_GetInfo of the function list of that version: each list returns its own (PKCS#11 3.0, 5.4, C_GetInfo).
CK_RV get_info(CK_INFO* info, CK_VERSION version) noexcept;

}  // namespace jpki
