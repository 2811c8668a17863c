// Any PKCS#11 module, loaded by its path, and the calls that the rows need. Independent of our module.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <p11-kit/pkcs11.h>

namespace jpki::bench {

using Bytes = std::vector<std::uint8_t>;

// A call that did not return CKR_OK: "C_Sign: CKR_USER_NOT_LOGGED_IN".
class Refused : public std::runtime_error {
public:
    Refused(const char* function, CK_RV rv);
};

class Module {
public:
    explicit Module(const std::string& path);  // dlopen; throws std::runtime_error. Never unloaded: the process ends

    // The functions themselves, for calls without a wrapper below.
    CK_FUNCTION_LIST* operator->() const { return functions_; }
    static void check(CK_RV rv, const char* function) {
        if (rv != CKR_OK) throw Refused(function, rv);
    }

    void initialize() const;
    void finalize() const;
    // With a token; or all slots, for which the standard requires no access to the card.
    std::vector<CK_SLOT_ID> slots(CK_BBOOL token_present = CK_TRUE) const;
    void slot_info(CK_SLOT_ID slot) const;
    void token_info(CK_SLOT_ID slot) const;
    void mechanism_list(CK_SLOT_ID slot) const;
    CK_SESSION_HANDLE open_session(CK_SLOT_ID slot) const;
    void login(CK_SESSION_HANDLE session, CK_USER_TYPE user, std::string pin) const;

    std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted) const;
    CK_OBJECT_HANDLE find_one(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, std::uint8_t id) const;
    Bytes attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
    // Every attribute of version 2.40 and 3.0, also those that the object does not have. Size first, as most programs do.
    void all_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) const;

    void sign_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) const;  // CKM_SHA256_RSA_PKCS
    Bytes sign(CK_SESSION_HANDLE session) const;                            // message()

    static const Bytes& message();

private:
    CK_FUNCTION_LIST* functions_ = nullptr;
};

// OpenSSL's verification of a signature of Module::message().
bool verifies(const Bytes& certificate, const Bytes& signature);

}  // namespace jpki::bench
