// personal_data_scan MODULE asks|signs: logs in to the signature token, and
//   asks   searches for the certificate by its value and reads every attribute that has the holder's data, into memory that it
//   wipes signs  makes a signature, for which the module reads the certificate on its own
// Then it searches all writable memory of this process for the holder's name, address and date of birth: they must be found
// while the user is logged in, and must not be found after C_Logout and after C_Finalize, which ends a second login.
// The card must be another process with the default data of a virtual card.
#include "memory_search.hpp"

#include <p11-kit/pkcs11.h>

#include <array>
#include <cstring>
#include <dlfcn.h>
#include <string_view>

namespace {

using memory_search::fail;
using memory_search::mask;

template <std::size_t n> consteval std::array<std::uint8_t, n - 1> masked(const char (&text)[n]) {
    std::array<std::uint8_t, n - 1> result{};
    for (std::size_t i = 0; i + 1 < n; ++i) result[i] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(text[i]) ^ mask);
    return result;
}

// Parts of the name and the address of TestPki::Options: a few characters of three bytes each.
constexpr auto name = masked("試験 花");
constexpr auto address_start = masked("東京都見本");
constexpr auto address_end = masked("一丁目2番3号");

struct Part {
    const char* what;
    std::span<const std::uint8_t> bytes;
};
const Part parts[] = {{"name", name}, {"start of the address", address_start}, {"end of the address", address_end}};

void must(CK_RV rv, const char* call) {
    if (rv == CKR_OK) return;
    std::fprintf(stderr, "FAILED: %s answered 0x%lx\n", call, rv);
    std::exit(1);
}

void must_be_clean(const char* when) {
    for (const Part& part : parts)
        if (const std::size_t found = memory_search::times_found(part.bytes); found != 0) {
            std::fprintf(stderr, "FAILED: %zu times the holder's %s in memory after %s\n", found, part.what, when);
            std::exit(1);
        }
    std::printf("ok: no name and no address in writable memory after %s\n", when);
}

void must_be_found(const char* when) {
    for (const Part& part : parts)
        if (memory_search::times_found(part.bytes) == 0) fail(part.what);
    std::printf("ok: the scan finds name and address %s\n", when);
}

CK_SESSION_HANDLE open_signature_session(CK_FUNCTION_LIST& f) {
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    must(f.C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_TOKEN_INFO info{};
        if (f.C_GetTokenInfo(slots[i], &info) != CKR_OK || std::memcmp(info.label, "JPKI digital signature ", 23) != 0) continue;
        CK_SESSION_HANDLE session = 0;
        must(f.C_OpenSession(slots[i], CKF_SERIAL_SESSION, nullptr, nullptr, &session), "C_OpenSession");
        return session;
    }
    fail("no signature token");
}

CK_ULONG find(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session, CK_ATTRIBUTE* wanted, CK_ULONG size, CK_OBJECT_HANDLE* objects,
              CK_ULONG most) {
    CK_ULONG count = 0;
    must(f.C_FindObjectsInit(session, wanted, size), "C_FindObjectsInit");
    must(f.C_FindObjects(session, objects, most, &count), "C_FindObjects");
    must(f.C_FindObjectsFinal(session), "C_FindObjectsFinal");
    return count;
}

void login(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session) {
    unsigned char password[] = {'A', 'B', 'C', '1', '2', '3'};
    must(f.C_Login(session, CKU_USER, password, sizeof password), "C_Login");
}

void sign(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session) {
    CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted{CKA_CLASS, &kind, sizeof kind};
    CK_OBJECT_HANDLE key = 0;
    if (find(f, session, &wanted, 1, &key, 1) != 1) fail("no signature key");
    CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS, nullptr, 0};
    unsigned char data[] = "data", signature[256];
    CK_ULONG size = sizeof signature;
    must(f.C_SignInit(session, &mechanism, key), "C_SignInit");
    must(f.C_Sign(session, data, sizeof data, signature, &size), "C_Sign");
}

// All objects, their values and subjects, and a search by value, in memory that is wiped.
void ask(CK_FUNCTION_LIST& f, CK_SESSION_HANDLE session) {
    CK_OBJECT_HANDLE objects[16];
    const CK_ULONG count = find(f, session, nullptr, 0, objects, 16);
    if (count < 3) fail("not all objects are there");
    for (CK_ULONG i = 0; i < count; ++i) {
        static unsigned char memory[4][4096];
        CK_ATTRIBUTE all[] = {{CKA_VALUE, memory[0], 4096},
                              {CKA_SUBJECT, memory[1], 4096},
                              {CKA_ISSUER, memory[2], 4096},
                              {CKA_PUBLIC_KEY_INFO, memory[3], 4096}};
        f.C_GetAttributeValue(session, objects[i], all, 4);
        if (all[0].ulValueLen != CK_UNAVAILABLE_INFORMATION) {
            CK_OBJECT_HANDLE found = 0;
            if (find(f, session, all, 1, &found, 1) != 1 || found != objects[i]) fail("an object is not found by its value");
        }
        memory_search::wipe(memory, sizeof memory);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const bool asks = argc == 3 && std::string_view(argv[2]) == "asks";
    if (argc != 3 || (!asks && std::string_view(argv[2]) != "signs")) fail("usage: personal_data_scan MODULE asks|signs");
    void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) fail(dlerror());
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
    CK_FUNCTION_LIST* f = nullptr;
    if (!get || get(&f) != CKR_OK) fail("no C_GetFunctionList");
    must(f->C_Initialize(nullptr), "C_Initialize");
    CK_SESSION_HANDLE session = open_signature_session(*f);
    must_be_clean("C_OpenSession");
    for (const bool finalise : {false, true}) {
        login(*f, session);
        if (asks) ask(*f, session);
        else sign(*f, session);
        must_be_found("while the user is logged in");
        if (finalise) must(f->C_Finalize(nullptr), "C_Finalize");
        else must(f->C_Logout(session), "C_Logout");
        must_be_clean(finalise ? "C_Finalize" : "C_Logout");
    }
    return 0;
}
