// The module that card_user has loaded, and its sessions by name.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>
#include <vector>

namespace card_user {

// "CKR_OK" and the like.
std::string name_of(CK_RV rv);

// Thrown by must(): the answer to the command is this code.
struct Answer {
    CK_RV rv;
};
inline void must(CK_RV rv) {
    if (rv != CKR_OK) throw Answer{rv};
}

// The module's functions, valid after load(). load() ends the program if the module cannot be loaded.
extern CK_FUNCTION_LIST* f;
void load(const char* path);
void reload();

struct Session {
    CK_SESSION_HANDLE handle = 0;
    CK_OBJECT_HANDLE key = 0;
};
// A name that was not opened gives an invalid handle.
Session session(const std::string& name);
void remember(const std::string& name, const Session& session);

std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* wanted, CK_ULONG count);
std::vector<CK_OBJECT_HANDLE> find_class(CK_SESSION_HANDLE handle, CK_OBJECT_CLASS wanted);

// --- card_user_signing.cpp ---
// The common name in the certificate whose CKA_ID is 01 or 02: identifies the card.
std::string holder(CK_SESSION_HANDLE handle);
// Signs TIMES times, 0 means until stop_signing(), and stops at the first code that is not CKR_OK; with a PIN it logs in again
// after a lost login.
std::string sign(const std::string& name, int times, const char* pin, const std::string& certificate);
void stop_signing();

}  // namespace card_user
