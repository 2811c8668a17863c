#include "card_user_module.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <mutex>

namespace card_user {

namespace {

struct Name {
    CK_RV rv;
    const char* name;
};
constexpr std::array names = {
    Name{CKR_OK, "CKR_OK"},
    Name{CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID"},
    Name{CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR"},
    Name{CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED"},
    Name{CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD"},
    Name{CKR_NO_EVENT, "CKR_NO_EVENT"},
    Name{CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR"},
    Name{CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED"},
    Name{CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID"},
    Name{CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID"},
    Name{CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE"},
    Name{CKR_OPERATION_NOT_INITIALIZED, "CKR_OPERATION_NOT_INITIALIZED"},
    Name{CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT"},
    Name{CKR_PIN_LOCKED, "CKR_PIN_LOCKED"},
    Name{CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID"},
    Name{CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT"},
    Name{CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED"},
    Name{CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN"},
    Name{CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN"},
    Name{CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED"},
    Name{CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED"},
    Name{CKR_CRYPTOKI_ALREADY_INITIALIZED, "CKR_CRYPTOKI_ALREADY_INITIALIZED"},
};

const char* module_path = nullptr;
void* library = nullptr;

std::mutex sessions_mutex;
std::map<std::string, Session> sessions;

}  // namespace

CK_FUNCTION_LIST* f = nullptr;

std::string name_of(CK_RV rv) {
    for (const Name& known : names)
        if (known.rv == rv) return known.name;
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "0x%lX", rv);
    return text.data();
}

void load(const char* path) {
    module_path = path;
    library = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
    const auto get = library ? reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList")) : nullptr;
    if (!get || get(&f) != CKR_OK) {
        std::fprintf(stderr, "cannot load %s\n", module_path);
        std::exit(1);
    }
}

void reload() {
    dlclose(library);
    load(module_path);
}

Session session(const std::string& name) {
    const std::scoped_lock lock(sessions_mutex);
    return sessions[name];
}

void remember(const std::string& name, const Session& session) {
    const std::scoped_lock lock(sessions_mutex);
    sessions[name] = session;
}

std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* wanted, CK_ULONG count) {
    must(f->C_FindObjectsInit(handle, wanted, count));
    std::vector<CK_OBJECT_HANDLE> objects(16);
    CK_ULONG found = 0;
    const CK_RV rv = f->C_FindObjects(handle, objects.data(), objects.size(), &found);
    const CK_RV end = f->C_FindObjectsFinal(handle);
    must(rv);
    must(end);
    objects.resize(found);
    return objects;
}

std::vector<CK_OBJECT_HANDLE> find_class(CK_SESSION_HANDLE handle, CK_OBJECT_CLASS wanted) {
    CK_ATTRIBUTE of_class = {CKA_CLASS, &wanted, sizeof wanted};
    return find(handle, &of_class, 1);
}

}  // namespace card_user
