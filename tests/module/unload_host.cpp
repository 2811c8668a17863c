// A host that has the tests' fake of PC/SC and loads the module with dlopen: its SCard* are bound before libpcsclite's.
//   dlclose MODULE  logs in and unloads without C_Finalize, 50 times: each time the card's security status is reset, and no
//                   connection stays open, fork() calls no handler of the module, and a fork() that another thread began
//                   meanwhile returns
//   exit MODULE     logs in and ends without either
#include "card_model.hpp"
#include "fake_pcsc.hpp"
#include "gate.hpp"
#include "in_child.hpp"
#include "test_pki.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <filesystem>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

namespace {

namespace fake = jpki::fake;
using jpki::model::CardModel;
using jpki::model::KeyUse;

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::_Exit(1);
}

void expect(const char* what, CK_RV rv) {
    if (rv != CKR_OK) fail(std::string(what) + ": " + std::to_string(rv));
}

fake::Card& card() {
    static fake::Card& one = *new fake::Card(std::make_shared<CardModel>(jpki::model::TestPki::shared()));
    return one;
}

// Loads the module and logs in with it.
void* load(const char* path) {
    void* const module = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) fail(::dlerror());
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(module, "C_GetFunctionList"));
    if (!get) fail("no C_GetFunctionList");
    CK_FUNCTION_LIST* functions = nullptr;
    expect("C_GetFunctionList", get(&functions));
    expect("C_Initialize", functions->C_Initialize(nullptr));
    CK_ULONG count = 0;
    expect("C_GetSlotList", functions->C_GetSlotList(CK_TRUE, nullptr, &count));
    CK_SESSION_HANDLE session = 0;
    expect("C_OpenSession", functions->C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
    std::string pin = card()->pin(KeyUse::authentication);
    expect("C_Login", functions->C_Login(session, CKU_USER, reinterpret_cast<unsigned char*>(pin.data()),
                                         static_cast<CK_ULONG>(pin.size())));
    if (!card()->verified(KeyUse::authentication)) fail("no login");
    return module;
}

std::size_t descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

bool can_fork() {
    return jpki::test::in_child([] { return 0; }) == 0;
}

thread_local bool sleeps_long = false;

// Unloads the module while another thread is in one of its handlers of fork(), and sleeps there until a call of PC/SC has ended.
void unload_during_fork(void* module, std::size_t releases) {
    std::thread forking;
    fake::on_call([&](fake::Function function) {
        if (function != fake::Function::release_context || --releases != 0) return;
        forking = fake::start_until_it_sleeps([] {
            sleeps_long = true;
            if (!can_fork()) fail("fork() during dlclose fails");
        });
    });
    ::dlclose(module);
    fake::on_call({});
    if (!forking.joinable()) fail("no context was released");
    forking.join();
}

int unload_many_times(const char* path) {
    std::size_t before = 0, releases = 0;
    for (int round = 0; round < 50; ++round) {
        void* const module = load(path);
        fake::reset_calls();
        if (round % 10 == 9) unload_during_fork(module, releases);
        else ::dlclose(module);
        releases = fake::calls(fake::Function::release_context);
        if (::dlopen(path, RTLD_NOW | RTLD_NOLOAD)) fail("the module is still loaded");
        if (card()->verified(KeyUse::authentication)) fail("the card is left open");
        if (!(fake::open_now() == fake::Open{})) fail("a connection is left open");
        if (!can_fork()) fail("fork() fails without the module");
        if (round == 0) before = descriptors();
        else if (descriptors() > before) fail("descriptors are left open");
    }
    return 0;
}

// The fake ends with the process, and the module's destructor runs after this program's own: the parent reads what the card
// received, in shared memory.
int exit_without_a_word(const char* path) {
    struct Seen {
        bool locked;
    };
    void* const shared = ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) fail("mmap");
    static Seen& seen = *new (shared) Seen{false};
    const pid_t child = ::fork();
    if (child == 0) {
        load(path);
        fake::on_call([](fake::Function function) {
            if (function == fake::Function::end_transaction) seen.locked = !card()->verified(KeyUse::authentication);
        });
        return 0;
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) fail("the child");
    if (!seen.locked) fail("the card is left open");
    return 0;
}

}  // namespace

// In place of libc's, for the module too.
extern "C" int nanosleep(const timespec* time, timespec* rest) {
    constexpr timespec long_time = {0, 50'000'000};
    return ::clock_nanosleep(CLOCK_MONOTONIC, 0, sleeps_long ? &long_time : time, rest) == 0 ? 0 : -1;
}

int main(int argc, char** argv) {
    if (argc != 3) fail("usage: unload_host dlclose|exit MODULE");
    ::setenv("JPKI_PKCS11_CONFIG", "/dev/null", 1);
    fake::add_reader("Fake Reader 00 00", card());
    return std::string(argv[1]) == "exit" ? exit_without_a_word(argv[2]) : unload_many_times(argv[2]);
}
