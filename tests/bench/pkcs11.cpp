#include "pkcs11.hpp"

#include <array>
#include <memory>
#include <sstream>
#include <utility>

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace jpki::bench {

namespace {

std::string name_of(CK_RV rv) {
    switch (rv) {
#define NAME(code) \
    case code: return #code;
        NAME(CKR_GENERAL_ERROR)
        NAME(CKR_FUNCTION_FAILED)
        NAME(CKR_FUNCTION_NOT_SUPPORTED)
        NAME(CKR_ARGUMENTS_BAD)
        NAME(CKR_DEVICE_ERROR)
        NAME(CKR_DEVICE_REMOVED)
        NAME(CKR_KEY_FUNCTION_NOT_PERMITTED)
        NAME(CKR_KEY_TYPE_INCONSISTENT)
        NAME(CKR_MECHANISM_INVALID)
        NAME(CKR_OPERATION_NOT_INITIALIZED)
        NAME(CKR_PIN_INCORRECT)
        NAME(CKR_PIN_LOCKED)
        NAME(CKR_TOKEN_NOT_PRESENT)
        NAME(CKR_TOKEN_NOT_RECOGNIZED)
        NAME(CKR_USER_NOT_LOGGED_IN)
        NAME(CKR_USER_ALREADY_LOGGED_IN)
#undef NAME
    default: break;
    }
    std::ostringstream text;
    text << "CKR 0x" << std::hex << rv;
    return text.str();
}

}  // namespace

Refused::Refused(const char* function, CK_RV rv) : std::runtime_error(std::string(function) + ": " + name_of(rv)) {}

Module::Module(const std::string& path) {
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(::dlerror());
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    if (!get) throw std::runtime_error(path + " is not a PKCS#11 module");
    check(get(&functions_), "C_GetFunctionList");
}

void Module::initialize() const { check(functions_->C_Initialize(nullptr), "C_Initialize"); }
void Module::finalize() const { check(functions_->C_Finalize(nullptr), "C_Finalize"); }

std::vector<CK_SLOT_ID> Module::slots(CK_BBOOL token_present) const {
    CK_ULONG count = 0;
    check(functions_->C_GetSlotList(token_present, nullptr, &count), "C_GetSlotList");
    std::vector<CK_SLOT_ID> slots(count);
    check(functions_->C_GetSlotList(token_present, slots.data(), &count), "C_GetSlotList");
    slots.resize(count);
    return slots;
}

void Module::slot_info(CK_SLOT_ID slot) const {
    CK_SLOT_INFO info{};
    check(functions_->C_GetSlotInfo(slot, &info), "C_GetSlotInfo");
}

void Module::token_info(CK_SLOT_ID slot) const {
    CK_TOKEN_INFO info{};
    check(functions_->C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
}

void Module::mechanism_list(CK_SLOT_ID slot) const {
    CK_ULONG count = 0;
    check(functions_->C_GetMechanismList(slot, nullptr, &count), "C_GetMechanismList");
    std::vector<CK_MECHANISM_TYPE> mechanisms(count);
    check(functions_->C_GetMechanismList(slot, mechanisms.data(), &count), "C_GetMechanismList");
}

CK_SESSION_HANDLE Module::open_session(CK_SLOT_ID slot) const {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    check(functions_->C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), "C_OpenSession");
    return session;
}

void Module::login(CK_SESSION_HANDLE session, CK_USER_TYPE user, std::string pin) const {
    check(functions_->C_Login(session, user, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), static_cast<CK_ULONG>(pin.size())),
          user == CKU_CONTEXT_SPECIFIC ? "C_Login for one signature" : "C_Login");
}

std::vector<CK_OBJECT_HANDLE> Module::find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted) const {
    check(functions_->C_FindObjectsInit(session, wanted.data(), static_cast<CK_ULONG>(wanted.size())), "C_FindObjectsInit");
    std::vector<CK_OBJECT_HANDLE> found(32);
    CK_ULONG count = 0;
    check(functions_->C_FindObjects(session, found.data(), static_cast<CK_ULONG>(found.size()), &count), "C_FindObjects");
    check(functions_->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    found.resize(count);
    return found;
}

CK_OBJECT_HANDLE Module::find_one(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, std::uint8_t id) const {
    const auto found = find(session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, &id, sizeof id}});
    if (found.size() != 1)
        throw std::runtime_error(std::to_string(found.size()) + " objects of class " + std::to_string(object_class) +
                                 " with id " + std::to_string(id) + " instead of one");
    return found.front();
}

Bytes Module::attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
    CK_ATTRIBUTE wanted = {type, nullptr, 0};
    check(functions_->C_GetAttributeValue(session, object, &wanted, 1), "C_GetAttributeValue");
    Bytes value(wanted.ulValueLen);
    wanted.pValue = value.data();
    check(functions_->C_GetAttributeValue(session, object, &wanted, 1), "C_GetAttributeValue");
    return value;
}

void Module::all_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) const {
    const auto ask = [&](CK_ATTRIBUTE_TYPE type) {
        CK_ATTRIBUTE wanted = {type, nullptr, 0};
        if (functions_->C_GetAttributeValue(session, object, &wanted, 1) == CKR_OK) attribute(session, object, type);
    };
    // Attributes that the standard defines for such objects: requesting 1800 types would measure the requests.
    constexpr std::array<std::pair<CK_ATTRIBUTE_TYPE, CK_ATTRIBUTE_TYPE>, 6> ranges = {
        {{CKA_CLASS, CKA_LABEL},
         {CKA_APPLICATION, CKA_OBJECT_ID},
         {CKA_CERTIFICATE_TYPE, CKA_CHECK_VALUE},
         {CKA_KEY_TYPE, CKA_PUBLIC_KEY_INFO},
         {CKA_EXTRACTABLE, CKA_DESTROYABLE},
         {CKA_ALWAYS_AUTHENTICATE, CKA_WRAP_WITH_TRUSTED}}};
    constexpr CK_ATTRIBUTE_TYPE profile_id = 0x601;  // CKA_PROFILE_ID of version 3.0
    for (const auto& [first, last] : ranges)
        for (CK_ATTRIBUTE_TYPE type = first; type <= last; ++type) ask(type);
    ask(profile_id);
    ask(CKA_ALLOWED_MECHANISMS);
}

void Module::sign_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) const {
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    check(functions_->C_SignInit(session, &mechanism, key), "C_SignInit");
}

Bytes Module::sign(CK_SESSION_HANDLE session) const {
    Bytes data = message();
    Bytes signature(256);
    CK_ULONG size = static_cast<CK_ULONG>(signature.size());
    check(functions_->C_Sign(session, data.data(), static_cast<CK_ULONG>(data.size()), signature.data(), &size), "C_Sign");
    signature.resize(size);
    return signature;
}

const Bytes& Module::message() {
    static const Bytes bytes = {'t', 'o', ' ', 'b', 'e', ' ', 's', 'i', 'g', 'n', 'e', 'd'};
    return bytes;
}

bool verifies(const Bytes& certificate, const Bytes& signature) {
    const unsigned char* at = certificate.data();
    const std::unique_ptr<X509, decltype(&X509_free)> x509(d2i_X509(nullptr, &at, static_cast<long>(certificate.size())),
                                                           &X509_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    const Bytes& data = Module::message();
    return x509 && context &&
           EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, X509_get0_pubkey(x509.get())) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(), data.size()) == 1;
}

}  // namespace jpki::bench
