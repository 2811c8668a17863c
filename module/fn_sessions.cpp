// Session management (PKCS#11 2.40, 5.6), without the logins.
#include "module/boundary.hpp"

using namespace jpki;

extern "C" {

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void*, CK_NOTIFY, CK_SESSION_HANDLE* session) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const bool known_flags = (flags & ~static_cast<CK_FLAGS>(CKF_SERIAL_SESSION | CKF_RW_SESSION)) == 0;
        // Errors of slot and token come before those of arguments (PKCS#11 2.40, 5.1.3 and 5.1.4).
        if (!session || !known_flags || !(flags & CKF_SERIAL_SESSION)) runtime->slots.insertion(slot);
        require(session != nullptr, CKR_ARGUMENTS_BAD);
        require(flags & CKF_SERIAL_SESSION, CKR_SESSION_PARALLEL_NOT_SUPPORTED);
        require(known_flags, CKR_ARGUMENTS_BAD);
        *session = runtime->sessions.open(slot, flags);
    });
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session) {
    return guarded([&] { Runtime::get()->sessions.close(session); });
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        runtime->slots.view(slot, false);
        runtime->sessions.close_all(slot);
    });
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO* info) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        *info = {session->slot, session->state(), session->flags, 0};
    });
}

CK_RV C_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        if (flags & CKF_FIND_OBJECTS) operations.search.reset();
        if (flags & CKF_DIGEST) operations.digest.reset();
        if (flags & CKF_SIGN) operations.sign.reset();
        if (flags & CKF_VERIFY) operations.verify.reset();
    });
}

}  // extern "C"
