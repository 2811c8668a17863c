// A host that ends in an unusual way, one per run; a process of its own, since the end of the process is tested.
//   atexit             C_Finalize from an exit handler that was registered before any code of ours ran
//   static-destructor  C_CloseAllSessions and C_Finalize after the destructors of all other static objects
//   after-openssl      the same handler, after the host cleaned up OpenSSL
//   after-engine       the same, and the host made an ENGINE the default for everything (default_algorithms = ALL)
//   never              no C_Finalize
//   host-handlers      C_Initialize comes before the host's first use of OpenSSL; its OPENSSL_atexit handler still runs
//                      (OpenSSL 4 has no such handlers)
// Exit status 0: every call returned the expected code, and the card's security status is reset where it must be.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "module/pkcs11.hpp"

#include "card_model.hpp"
#include "fake_pcsc.hpp"
#include "test_pki.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <unistd.h>
#ifndef OPENSSL_NO_ENGINE  // OpenSSL 4 has none
#include <openssl/engine.h>
#endif

namespace {

namespace fake = jpki::fake;
using jpki::model::CardModel;
using jpki::model::KeyUse;

// Leaked on purpose: the card must exist longer than the process's static objects.
fake::Card& card() {
    static fake::Card& one = *new fake::Card;
    return one;
}

[[noreturn]] void fail(const char* what, CK_RV rv) {
    std::fprintf(stderr, "%s: 0x%lx\n", what, rv);
    std::_Exit(1);
}

void expect(const char* what, CK_RV rv, CK_RV wanted = CKR_OK) {
    if (rv != wanted) fail(what, rv);
}

void finalise() {
    expect("C_Finalize", C_Finalize(nullptr));
    CK_INFO info{};
    expect("C_GetInfo", C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    if (card()->verified(KeyUse::authentication)) fail("the card is left open", 0);
    if (!(fake::open_now() == fake::Open{})) fail("a connection is left open", 0);
}

// Constructed before every other object of the program, destroyed after them.
struct Last {
    bool armed = false;
    ~Last() {
        if (!armed) return;
        expect("C_CloseAllSessions", C_CloseAllSessions(0));
        finalise();
    }
};
__attribute__((init_priority(101))) Last last;

#ifndef OPENSSL_NO_ENGINE
// The effect of libp11's engine with default_algorithms = ALL: every RSA key that OpenSSL makes holds a reference to it.
void make_an_engine_the_default() {
    static RSA_METHOD* const rsa = RSA_meth_dup(RSA_get_default_method());
    ENGINE* const engine = ENGINE_new();
    if (!engine || !rsa || ENGINE_set_id(engine, "default") != 1 || ENGINE_set_name(engine, "default") != 1 ||
        ENGINE_set_RSA(engine, rsa) != 1 || ENGINE_add(engine) != 1 || ENGINE_set_default(engine, ENGINE_METHOD_ALL) != 1)
        fail("no engine", 0);
    ENGINE_free(engine);
}
#endif

void use_the_card() {
    expect("C_Initialize", C_Initialize(nullptr));
    CK_ULONG count = 0;
    expect("C_GetSlotList", C_GetSlotList(CK_TRUE, nullptr, &count));
    CK_SESSION_HANDLE session = 0;
    expect("C_OpenSession", C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
    CK_OBJECT_HANDLE objects[8];
    expect("C_FindObjectsInit", C_FindObjectsInit(session, nullptr, 0));
    expect("C_FindObjects", C_FindObjects(session, objects, 8, &count));
    unsigned char pin[] = {'1', '2', '3', '4'};
    expect("C_Login", C_Login(session, CKU_USER, pin, sizeof pin));
    if (!card()->verified(KeyUse::authentication)) fail("no login", 0);
    // A signature checked with the certificate, and one verified for the caller: both create keys.
    CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted{CKA_CLASS, &private_key, sizeof private_key};
    expect("C_FindObjectsFinal", C_FindObjectsFinal(session));
    expect("C_FindObjectsInit", C_FindObjectsInit(session, &wanted, 1));
    expect("C_FindObjects", C_FindObjects(session, objects, 8, &count));
    CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS, nullptr, 0};
    unsigned char data[] = "data", signature[256];
    CK_ULONG size = sizeof signature;
    if (count != 1) fail("no private key", count);
    expect("C_SignInit", C_SignInit(session, &mechanism, objects[0]));
    expect("C_Sign", C_Sign(session, data, sizeof data, signature, &size));
}

#if OPENSSL_VERSION_MAJOR < 4
bool handler_ran = false;

// The last exit handler to run.
void expect_the_handler() {
    if (!handler_ran) fail("the host's OPENSSL_atexit handler did not run", 0);
}

// The card model uses OpenSSL itself, so it cannot exist yet.
void initialise_before_openssl_is_used() {
    std::atexit(expect_the_handler);
    expect("C_Initialize", C_Initialize(nullptr));
    expect("C_Finalize", C_Finalize(nullptr));
    if (OPENSSL_atexit([] { handler_ran = true; }) != 1) fail("OPENSSL_atexit", 0);
}
#endif

}  // namespace

int main(int argc, char** argv) {
    const char* how = argc == 2 ? argv[1] : "";
    const auto is = [&](const char* name) { return std::strcmp(how, name) == 0; };
    const bool after_openssl = is("after-openssl") || is("after-engine");
    if (is("atexit") || after_openssl) std::atexit(finalise);
    if (after_openssl) {
        OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);  // registers its cleanup now, so it runs before ours
        std::atexit(OPENSSL_cleanup);                            // OpenSSL 4 registers none; a second one does nothing
    }
    if (is("atexit") || is("static-destructor")) OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
#ifndef OPENSSL_NO_ENGINE
    if (is("after-engine")) make_an_engine_the_default();
#endif
    ::setenv("JPKI_PKCS11_CONFIG", "/dev/null", 1);
#if OPENSSL_VERSION_MAJOR < 4
    if (is("host-handlers")) initialise_before_openssl_is_used();
#endif
    card() = std::make_shared<CardModel>(jpki::model::TestPki::shared());
    fake::add_reader("Fake Reader 00 00", card());
    use_the_card();
    last.armed = is("static-destructor");
    if (!is("atexit") && !after_openssl && !is("static-destructor") && !is("never") && !is("host-handlers")) fail("usage", 0);
    return 0;
}
