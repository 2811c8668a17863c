// Where C++ ends: every C_* function is one call of guarded(), and no exception gets past it.
#pragma once

#include "apdu/errors.hpp"
#include "module/runtime.hpp"

#include <exception>
#include <new>

namespace jpki {

// The CK_RV for the exception that is being handled, with one line in the log where the standard's name says too little.
CK_RV code_of_current_exception() noexcept;

template <class F> CK_RV guarded(F&& f) noexcept {
    try {
        f();
        return CKR_OK;
    } catch (...) {
        return code_of_current_exception();
    }
}

// The same for what works on the operations of a session: `f(runtime, session)` runs under the session's lock.
template <class F> CK_RV in_session(CK_SESSION_HANDLE handle, F&& f) noexcept {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        const std::scoped_lock lock(session->mutex);
        f(*runtime, *session);
    });
}

}  // namespace jpki
