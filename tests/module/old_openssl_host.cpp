// A host that exports an older libcrypto (Node.js 16 has 1.1.1 inside), or a part of one: its functions are bound in the module
// and in libcrypto.so.3 instead of the latter's own. C_Initialize reports it, once in the log, and the host continues.
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <string>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

extern "C" {

#if defined(JPKI_HOST_HAS_A_PART)
__attribute__((visibility("default"))) int ERR_set_mark(void) { std::abort(); }
#define JPKI_TROUBLE "only part of a libcrypto"
#else
#define JPKI_TROUBLE "a libcrypto of version 0x101010BF"
__attribute__((visibility("default"))) unsigned long OpenSSL_version_num(void) { return 0x101010BFUL; }
#endif
// Functions with different parameters: calling them crashes.
__attribute__((visibility("default"))) int OPENSSL_init_crypto(unsigned long, const void*) { std::abort(); }
__attribute__((visibility("default"))) void* CRYPTO_zalloc(std::size_t, const char*, int) { std::abort(); }
__attribute__((visibility("default"))) void* EVP_MD_CTX_new(void) { std::abort(); }

}  // extern "C"

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::_Exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) fail("usage: old_openssl_host MODULE");
    const std::string log = "/tmp/jpki-old-openssl-" + std::to_string(::getpid()) + ".log";
    ::setenv("JPKI_PKCS11_CONFIG", "/dev/null", 1);
    ::setenv("JPKI_PKCS11_LOG", log.c_str(), 1);
    void* const module = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!module) fail(::dlerror());
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
    CK_FUNCTION_LIST* functions = nullptr;
    if (!get || get(&functions) != CKR_OK) fail("no C_GetFunctionList");
    const CK_RV rv = functions->C_Initialize(nullptr);
    if (rv != CKR_FUNCTION_FAILED) fail("C_Initialize: " + std::to_string(rv));
    CK_INFO info{};
    if (functions->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED) fail("initialised all the same");
    ::dlclose(module);
    std::ifstream file(log);
    std::string line, more;
    std::getline(file, line);
    const bool one_line = !std::getline(file, more);
    ::unlink(log.c_str());
    if (line.find("cannot use OpenSSL: the host exports " JPKI_TROUBLE) == std::string::npos || !one_line)
        fail("the log: " + line + more);
    return 0;
}
