#include "module/openssl_binding.hpp"

#include <array>
#include <cstdio>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

namespace jpki {

namespace {

struct Bound {
    const char* name;
    const void* address;
};
#define JPKI_BOUND(name) \
    Bound { #name, reinterpret_cast < const void*>(&name) }

// From each part of libcrypto that the module uses: a host linked with a part of a static libcrypto exports that part.
const auto& functions() {
    static const std::array all = {JPKI_BOUND(OpenSSL_version_num),  JPKI_BOUND(OPENSSL_version_major),
                                   JPKI_BOUND(OSSL_LIB_CTX_new),     JPKI_BOUND(OSSL_LIB_CTX_free),
                                   JPKI_BOUND(OPENSSL_cleanse),      JPKI_BOUND(ERR_set_mark),
                                   JPKI_BOUND(EVP_MD_fetch),         JPKI_BOUND(EVP_DigestInit_ex2),
                                   JPKI_BOUND(EVP_PKEY_verify_init), JPKI_BOUND(EVP_PKEY_CTX_new_from_pkey)};
    return all;
}
#undef JPKI_BOUND

// The object that contains the function; NULL if it cannot be determined. In a program at a fixed address that takes the address
// of a function of a shared object, every pointer to it points to the program's PLT entry, whose symbol there is undefined.
const void* object_of(const Bound& function) {
    Dl_info info{};
    void* found = nullptr;
    if (::dladdr1(function.address, &info, &found, RTLD_DL_SYMENT) == 0) return nullptr;
    const auto* symbol = static_cast<const ElfW(Sym)*>(found);
    if (!symbol || symbol->st_shndx == SHN_UNDEF) return nullptr;
    return info.dli_fbase;
}

std::optional<std::string> find_trouble() {
    const unsigned long version = OpenSSL_version_num();
    if (version < 0x30000000UL) {
        char text[128];
        std::snprintf(text, sizeof text,
                      "cannot use OpenSSL: the host exports a libcrypto of version 0x%08lX; 3.0 or newer is needed", version);
        return text;
    }
    const void* first = nullptr;
    for (const Bound& function : functions()) {
        const void* object = object_of(function);
        if (!first) first = object;
        if (object && object != first)
            return std::string("cannot use OpenSSL: the host exports only part of a libcrypto; ") + function.name +
                   " comes from another one";
    }
    return std::nullopt;
}

}  // namespace

// The functions are bound when the module is loaded, and finding the symbols of ten takes longer than the rest of C_Initialize.
std::optional<std::string> openssl_trouble() {
    // Not destroyed: a host may call C_Initialize at the end of the process. Without trouble nothing is allocated.
    static const std::string* const found = [] {
        const auto trouble = find_trouble();
        return trouble ? new std::string(*trouble) : nullptr;
    }();
    return found ? std::optional(*found) : std::nullopt;
}

}  // namespace jpki
