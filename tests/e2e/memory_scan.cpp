// memory_scan MODULE: logs in to the signature token, changes its password and finalises, and after each of these searches
// all writable memory of this process for the passwords. Its own copies exist only during a call and are wiped after
// it; the search pattern is masked. A planted password proves that the search finds one.
// The card's password must be `first` below (pin-memory.sh starts such a card).
#include "memory_search.hpp"

#include <p11-kit/pkcs11.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>

namespace {

constexpr std::size_t size = 16;
using memory_search::fail;
using memory_search::mask;
using memory_search::wipe;
using Masked = std::array<std::uint8_t, size>;

consteval Masked masked(const char (&text)[size + 1]) {
    Masked result{};
    for (std::size_t i = 0; i < size; ++i) result[i] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(text[i]) ^ mask);
    return result;
}

constexpr Masked first = masked("ZQXJ7WVK93PFTYB4");
constexpr Masked second = masked("KW5VQZ8XJ2HGPNR6");
constexpr Masked wrong = masked("XH4NWZQ7KVJ9TBD3");

// The caller's copy: on the heap, only during the call.
class Copy {
public:
    explicit Copy(const Masked& password) : bytes_(new std::uint8_t[size]) {
        for (std::size_t i = 0; i < size; ++i) bytes_[i] = static_cast<std::uint8_t>(password[i] ^ mask);
    }
    ~Copy() { wipe(bytes_.get(), size); }
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;
    CK_UTF8CHAR* get() { return bytes_.get(); }

private:
    std::unique_ptr<std::uint8_t[]> bytes_;
};

// How often either half of the password is in writable memory.
std::size_t halves_found(const Masked& password) {
    const std::span<const std::uint8_t> both(password);
    return memory_search::times_found(both.first(size / 2)) + memory_search::times_found(both.last(size / 2));
}

void must_be_clean(const char* when) {
    std::size_t all = 0;
    for (const Masked& password : {first, second, wrong}) all += halves_found(password);
    if (all != 0) {
        std::fprintf(stderr, "FAILED: %zu halves of passwords in memory after %s\n", all, when);
        std::exit(1);
    }
    std::printf("ok: no password in writable memory after %s\n", when);
}

void must(CK_RV rv, CK_RV expected, const char* call) {
    if (rv == expected) return;
    std::fprintf(stderr, "FAILED: %s answered 0x%lx, expected 0x%lx\n", call, rv, expected);
    std::exit(1);
}

CK_SESSION_HANDLE open_signature_session(CK_FUNCTION_LIST& f) {
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    must(f.C_GetSlotList(CK_TRUE, slots, &count), CKR_OK, "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_TOKEN_INFO info{};
        if (f.C_GetTokenInfo(slots[i], &info) != CKR_OK || std::memcmp(info.label, "JPKI digital signature ", 23) != 0) continue;
        CK_SESSION_HANDLE session = 0;
        must(f.C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session), CKR_OK, "C_OpenSession");
        return session;
    }
    fail("no signature token");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) fail("usage: memory_scan MODULE");
    must_be_clean("the start");
    {
        Copy planted(first);
        if (halves_found(first) != 2) fail("the scan does not find a planted password");
        std::puts("ok: the scan finds a planted password");
    }
    must_be_clean("its removal");

    void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) fail(dlerror());
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
    CK_FUNCTION_LIST* f = nullptr;
    if (!get || get(&f) != CKR_OK) fail("no C_GetFunctionList");
    must(f->C_Initialize(nullptr), CKR_OK, "C_Initialize");
    CK_SESSION_HANDLE session = open_signature_session(*f);
    const auto login = [&](const Masked& password) {
        Copy copy(password);
        return f->C_Login(session, CKU_USER, copy.get(), size);
    };

    must(login(wrong), CKR_PIN_INCORRECT, "C_Login with a wrong password");
    must_be_clean("a C_Login that failed");
    must(login(wrong), CKR_PIN_INCORRECT, "C_Login with the same wrong password");
    must_be_clean("a C_Login that was refused from memory");
    must(login(first), CKR_OK, "C_Login");
    must_be_clean("C_Login");
    {
        Copy from(first), to(second);
        must(f->C_SetPIN(session, from.get(), size, to.get(), size), CKR_OK, "C_SetPIN");
    }
    must_be_clean("C_SetPIN");
    must(f->C_Logout(session), CKR_OK, "C_Logout");
    must_be_clean("C_Logout");
    must(login(second), CKR_OK, "C_Login with the new password");
    must(f->C_Finalize(nullptr), CKR_OK, "C_Finalize");
    must_be_clean("C_Finalize");
    return 0;
}
