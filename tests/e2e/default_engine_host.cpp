// default_engine_host MODULE: a host whose openssl.cnf makes libp11's engine the default for everything
// (default_algorithms = ALL). It signs with the module, reads all certificates, cleans up OpenSSL at exit, and calls C_Finalize
// from an exit handler that runs after that. Exit status 0 when every call succeeded.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <p11-kit/pkcs11.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/evp.h>

namespace {

CK_FUNCTION_LIST* f = nullptr;
bool cleaned_up = false;

void must(bool good, const char* what) {
    if (good) return;
    std::fprintf(stderr, "FAILED: %s\n", what);
    std::_Exit(1);
}

void finalise() {
    must(cleaned_up, "OpenSSL is not cleaned up yet");
    must(f->C_Finalize(nullptr) == CKR_OK, "C_Finalize");
    std::puts("ok: C_Finalize after OPENSSL_cleanup");
    std::fflush(stdout);
}

CK_ULONG find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS kind, CK_OBJECT_HANDLE* objects, CK_ULONG most) {
    CK_ATTRIBUTE wanted{CKA_CLASS, &kind, sizeof kind};
    CK_ULONG count = 0;
    must(f->C_FindObjectsInit(session, &wanted, 1) == CKR_OK && f->C_FindObjects(session, objects, most, &count) == CKR_OK &&
             f->C_FindObjectsFinal(session) == CKR_OK,
         "search");
    return count;
}

// The certificates and a signature of the token in `slot`.
void use(CK_SLOT_ID slot, const char* pin) {
    CK_SESSION_HANDLE session = 0;
    must(f->C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) == CKR_OK, "C_OpenSession");
    unsigned char copy[16];
    std::memcpy(copy, pin, std::strlen(pin));
    must(f->C_Login(session, CKU_USER, copy, std::strlen(pin)) == CKR_OK, "C_Login");
    CK_OBJECT_HANDLE objects[4];
    must(find(session, CKO_CERTIFICATE, objects, 4) == 2, "the certificates");
    must(find(session, CKO_PRIVATE_KEY, objects, 4) == 1, "the key");
    CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS, nullptr, 0};
    unsigned char data[] = "data", signature[256];
    CK_ULONG size = sizeof signature;
    must(f->C_SignInit(session, &mechanism, objects[0]) == CKR_OK &&
             f->C_Sign(session, data, sizeof data, signature, &size) == CKR_OK,
         "signature");
}

// libp11 0.4.13 and later has no algorithms before it has loaded a key, so the configuration cannot make it the default; a host
// can.
ENGINE* default_engine() {
    if (ENGINE* const configured = ENGINE_get_default_RSA()) return configured;
    ENGINE* const engine = ENGINE_by_id("pkcs11");
    must(engine && ENGINE_init(engine) == 1, "libp11's engine");
    EVP_PKEY* const key =
        ENGINE_load_public_key(engine, "pkcs11:token=JPKI%20user%20authentication;id=%01;type=public", nullptr, nullptr);
    must(key != nullptr, "the engine loads a key");
    EVP_PKEY_free(key);
    must(ENGINE_set_default(engine, ENGINE_METHOD_ALL) == 1, "ENGINE_set_default");
    ENGINE_finish(engine);
    ENGINE_free(engine);
    return ENGINE_get_default_RSA();
}

}  // namespace

int main(int argc, char** argv) {
    must(argc == 2, "usage: default_engine_host MODULE");
    std::atexit(finalise);                                                                         // the last to run
    must(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr) == 1, "OpenSSL's configuration");  // its clean-up runs before
    OPENSSL_atexit([] { cleaned_up = true; });
    ENGINE* const engine = default_engine();
    must(engine && std::strcmp(ENGINE_get_id(engine), "pkcs11") == 0, "libp11's engine is not the default");
    ENGINE_finish(engine);
    void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    must(library != nullptr, "dlopen");
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
    must(get && get(&f) == CKR_OK && f->C_Initialize(nullptr) == CKR_OK, "C_Initialize");
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    must(f->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK && count >= 2, "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_TOKEN_INFO info{};
        if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK) use(slots[i], info.ulMaxPinLen == 4 ? "1234" : "ABC123");
    }
    std::puts("ok: signed with both keys");
    std::fflush(stdout);
    return 0;
}
