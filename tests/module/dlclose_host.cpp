// dlopen, use, dlclose, repeatedly: the module leaves nothing allocated, in any thread. Needs no card and no pcscd.
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include <p11-kit/pkcs11.h>

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::_Exit(1);
}

void expect(const char* what, CK_RV rv) {
    if (rv != CKR_OK) fail(std::string(what) + ": " + std::to_string(rv));
}

std::size_t resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmRSS:", 0) == 0) return std::stoul(line.substr(6));
    return 0;
}

// Loads, initialises in a thread that continues to run, uses and finalises here, unloads. The thread ends after
// that: no code of the module may be called then.
bool round(const char* path) {
    void* const module = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) fail(::dlerror());
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
    if (!get) fail("no C_GetFunctionList");
    CK_FUNCTION_LIST* functions = nullptr;
    expect("C_GetFunctionList", get(&functions));
    std::promise<void> initialised, unloaded;
    std::thread other([&] {
        expect("C_Initialize", functions->C_Initialize(nullptr));
        initialised.set_value();
        unloaded.get_future().wait();
    });
    initialised.get_future().wait();
    CK_ULONG count = 0;
    expect("C_GetSlotList", functions->C_GetSlotList(CK_FALSE, nullptr, &count));
    if (count != 0) fail("slots without a pcscd");
    expect("C_Finalize", functions->C_Finalize(nullptr));
    ::dlclose(module);
    unloaded.set_value();
    other.join();
    void* const still = ::dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (still) ::dlclose(still);
    return still == nullptr;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) fail("usage: dlclose_host MODULE");
    ::setenv("PCSCLITE_CSOCK_NAME", "/nonexistent/pcscd.comm", 1);
    ::setenv("JPKI_PKCS11_CONFIG", "/dev/null", 1);
    bool gone = true;
    for (int i = 0; i < 10; ++i) gone = round(argv[1]) && gone;
    const std::size_t before = resident_kib();
    for (int i = 0; i < 40; ++i) gone = round(argv[1]) && gone;
    const std::size_t after = resident_kib();
    std::printf("counted: 50 times loaded, used and unloaded; it was %s each time; resident %zu -> %zu KiB in the last 40\n",
                gone ? "really gone" : "kept by the loader", before, after);
    if (after > before + 1024) fail("it grows");
    return 0;
}
