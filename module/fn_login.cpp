// Logins and PINs (PKCS#11 2.40, 5.5 and 5.6; 3.0, C_LoginUser).
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

namespace {

void login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, const unsigned char* pin, CK_ULONG length) {
    const auto runtime = Runtime::get();
    const auto session = runtime->sessions.get(handle);
    switch (user) {
    case CKU_USER:
        session->token.login(pin, length);
        // Another thread may have closed the last session meanwhile, with its logout before this login.
        require(!runtime->sessions.logout_if_unused(*session), CKR_SESSION_HANDLE_INVALID);
        return;
    case CKU_CONTEXT_SPECIFIC: {
        const MutexLock lock(session->mutex);
        const auto& signing = session->operations.sign;
        require(signing != nullptr && session->token.needs_consent_each(), CKR_OPERATION_NOT_INITIALIZED);
        return signing->consent(pin, length);
    }
    // There is no security officer on this token.
    default: throw Error{CKR_USER_TYPE_INVALID};
    }
}

}  // namespace

extern "C" {

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG length) {
    return guarded([&] { login(session, user, pin, length); });
}

CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG length, CK_UTF8CHAR* name,
                  CK_ULONG name_length) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        runtime->sessions.get(session);
        caller_bytes(name, name_length);
        // The token has one user, without a name.
        require(name_length == 0, CKR_USER_TYPE_INVALID);
        login(session, user, pin, length);
    });
}

CK_RV C_Logout(CK_SESSION_HANDLE handle) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        session->token.logout();
    });
}

CK_RV C_InitPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR*, CK_ULONG) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        runtime->sessions.get(handle);
        // Only a security officer may call it, and the token has none.
        throw Error{CKR_USER_NOT_LOGGED_IN};
    });
}

CK_RV C_SetPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR* old_pin, CK_ULONG old_length, CK_UTF8CHAR* new_pin, CK_ULONG new_length) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto session = runtime->sessions.get(handle);
        require(session->read_write(), CKR_SESSION_READ_ONLY);
        session->token.set_pin(old_pin, old_length, new_pin, new_length);
    });
}

}  // extern "C"
