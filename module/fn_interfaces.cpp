// C_GetFunctionList, and the interfaces of PKCS#11 3.0 (5.4): all from one table, except
// C_GetInfo, which returns the version of its function list.
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

#include <array>
#include <string_view>

using namespace jpki;

namespace {

// Not const: the standard returns pointers to writable memory, and hosts do copy and patch it.
#define JPKI_MEMBER(name) &name,
constinit CK_FUNCTION_LIST functions_v2 = {
    {2, 40},
#include "module/functions_v2.inc"
};
constinit CK_FUNCTION_LIST_3_0 functions_v3 = [] {
    CK_FUNCTION_LIST_3_0 list = {
        {3, 0},
#include "module/functions_v2.inc"
#include "module/functions_v3.inc"
    };
    list.C_GetInfo = [](CK_INFO* info) { return get_info(info, {3, 0}); };
    return list;
}();
#undef JPKI_MEMBER

char interface_name[] = "PKCS 11";

// No CKF_INTERFACE_FORK_SAFE: a child has to initialise again. The default, for NULL, comes first.
std::array<CK_INTERFACE, 2> interfaces = {{
    {interface_name, &functions_v3, 0},
    {interface_name, &functions_v2, 0},
}};

CK_VERSION version_of(const CK_INTERFACE& interface) {
    return *static_cast<const CK_VERSION*>(interface.pFunctionList);  // every function list begins with its version
}

}  // namespace

extern "C" {

CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
    return guarded([&] {
        require(list != nullptr, CKR_ARGUMENTS_BAD);
        *list = &functions_v2;
    });
}

CK_RV C_GetInterfaceList(CK_INTERFACE* list, CK_ULONG* count) {
    return guarded([&] {
        if (begin_output(list, count, interfaces.size())) std::copy(interfaces.begin(), interfaces.end(), list);
    });
}

CK_RV C_GetInterface(CK_UTF8CHAR* name, CK_VERSION* version, CK_INTERFACE** interface, CK_FLAGS flags) {
    return guarded([&] {
        require(interface != nullptr, CKR_ARGUMENTS_BAD);
        for (CK_INTERFACE& candidate : interfaces) {
            if (name && std::string_view(reinterpret_cast<const char*>(name)) != interface_name) continue;
            const CK_VERSION has = version_of(candidate);
            if (version && (version->major != has.major || version->minor != has.minor)) continue;
            if ((candidate.flags & flags) != flags) continue;
            *interface = &candidate;
            return;
        }
        throw Error{CKR_ARGUMENTS_BAD};  // the standard names no code; other modules return this one
    });
}

}  // extern "C"
