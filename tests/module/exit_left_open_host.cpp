// A host that ends with a login open and without C_Finalize, in many ways, one per run. Checked at the very end, after the
// module's destructor. Exit status 0: the security status is reset where it must be.
#include "apdu/card_clock.hpp"
#include "module/pkcs11.hpp"

#include "card_model.hpp"
#include "fake_pcsc.hpp"
#include "test_clock.hpp"
#include "test_pki.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <openssl/crypto.h>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

namespace fake = jpki::fake;
using jpki::model::CardModel;
using jpki::model::KeyUse;
using Clock = jpki::CardClock;  // with the sleeps that take no time

const std::string reader = "Fake Reader 00 00";
// The module waits at most one second; a loaded machine may take longer.
constexpr std::chrono::seconds bound{10};

[[noreturn]] void fail(const char* what, CK_RV rv = 0) {
    std::fprintf(stderr, "%s: 0x%lx\n", what, rv);
    std::_Exit(1);
}

void expect(const char* what, CK_RV rv, CK_RV wanted = CKR_OK) {
    if (rv != wanted) fail(what, rv);
}

// Leaked on purpose: all this must exist longer than the process's static objects.
struct World {
    fake::Card card = std::make_shared<CardModel>(jpki::model::TestPki::shared());
    CK_SESSION_HANDLE session = 0;
    KeyUse use = KeyUse::authentication;
    Clock::time_point end_began{};
    std::optional<test_clock::SleepsTakeNoTime> no_waits;  // for what will not happen
    std::function<void()> judge;
};
World* world = nullptr;

bool open_at_the_card() { return world->card->verified(world->use); }

void log_in(CK_USER_TYPE user = CKU_USER) {
    std::string pin = world->card->pin(world->use);
    expect("C_Login",
           C_Login(world->session, user, reinterpret_cast<unsigned char*>(pin.data()), static_cast<CK_ULONG>(pin.size())));
}

void initialise() {
    expect("C_Initialize", C_Initialize(nullptr));
    CK_ULONG count = 0;
    expect("C_GetSlotList", C_GetSlotList(CK_TRUE, nullptr, &count));
    const CK_SLOT_ID slot = world->use == KeyUse::authentication ? 0 : 1;
    expect("C_OpenSession", C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &world->session));
}

void leave_a_login_open() {
    initialise();
    log_in();
    if (!open_at_the_card()) fail("no login");
}

void begin_a_signature() {
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &object_class, sizeof object_class};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;
    expect("C_FindObjectsInit", C_FindObjectsInit(world->session, &wanted, 1));
    expect("C_FindObjects", C_FindObjects(world->session, &key, 1, &count));
    expect("C_FindObjectsFinal", C_FindObjectsFinal(world->session));
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    expect("C_SignInit", C_SignInit(world->session, &mechanism, key));
}

void locked() {
    if (open_at_the_card()) fail("the card is left open");
}

void locked_with_nothing_held() {
    locked();
    if (fake::open_now().transactions != 0) fail("a transaction is left open");
}

void left_open() {
    if (!open_at_the_card()) fail("the card was locked, which could not be; the test is wrong");
}

// Another thread of the host is inside C_Sign, for `how_long`.
void sign_in_another_thread(std::chrono::milliseconds how_long) {
    leave_a_login_open();
    begin_a_signature();
    static std::atomic<bool> inside = false;
    // A card that fails: otherwise a signature would be checked with an OpenSSL that the end of the process has cleaned up.
    fake::on_answer([how_long](const std::string&, fake::ByteView command) -> std::optional<fake::Bytes> {
        if (command[1] != 0x2A) return std::nullopt;
        inside = true;
        std::this_thread::sleep_for(how_long);
        return fake::Bytes{0x6F, 0x00};
    });
    std::thread([] {
        unsigned char data[32] = {}, signature[256];
        CK_ULONG length = sizeof signature;
        C_Sign(world->session, data, sizeof data, signature, &length);
    }).detach();
    while (!inside) std::this_thread::yield();
}

// Constructed before every other object of the program: destroyed after them, also after the module's.
struct Last {
    bool armed = false;
    ~Last() {
        if (!armed) return;
        if (open_at_the_card()) fail("the module's exit handler did not lock the card");
        CK_SESSION_INFO info{};
        expect("C_GetSessionInfo", C_GetSessionInfo(world->session, &info));
        if (info.state != CKS_RO_PUBLIC_SESSION) fail("state after the exit handler", info.state);
        log_in();
        if (!open_at_the_card()) fail("no login");
    }
};
__attribute__((init_priority(101))) Last last;

// What main() does before it returns. `judge` is called after the module's destructor.
const std::map<std::string, std::function<void()>>& ways() {
    static const std::map<std::string, std::function<void()>> all = {
        {"plain",
         [] {
             leave_a_login_open();
             world->judge = locked;
         }},
        {"after-openssl",
         [] {
             leave_a_login_open();
             OPENSSL_cleanup();
             world->judge = locked;
         }},
        {"late-login",
         [] {
             leave_a_login_open();
             last.armed = true;
             world->judge = locked;
         }},
        {"nothing-opened",
         [] {
             initialise();
             fake::reset_calls();
             world->judge = [] {
                 if (fake::calls() != 0) fail("PC/SC was asked for nothing", fake::calls());
             };
         }},
        {"consent",
         [] {
             world->use = KeyUse::signature;
             initialise();
             log_in();
             begin_a_signature();
             log_in(CKU_CONTEXT_SPECIFIC);
             if (!open_at_the_card() || fake::open_now().transactions != 1) fail("no consent");
             world->judge = locked_with_nothing_held;
         }},
        {"thread-stuck",
         [] {
             sign_in_another_thread(std::chrono::hours(1));
             world->no_waits.emplace();
             world->judge = left_open;
         }},
        {"thread-done-soon",
         [] {
             sign_in_another_thread(std::chrono::milliseconds(100));
             world->judge = locked;
         }},
        {"thread-waits",
         [] {
             leave_a_login_open();
             std::thread([] {
                 CK_SLOT_ID slot = 0;
                 C_WaitForSlotEvent(0, &slot, nullptr);
             }).detach();
             if (!fake::wait_until_blocked(fake::Function::get_status_change)) fail("no thread waits");
             world->judge = locked;
         }},
        {"other-program",
         [] {
             leave_a_login_open();
             if (!fake::other_begins_transaction(reader)) fail("no transaction");
             world->no_waits.emplace();
             world->judge = left_open;
         }},
        {"other-program-done-soon",
         [] {
             leave_a_login_open();
             if (!fake::other_begins_transaction(reader)) fail("no transaction");
             std::thread([] {
                 std::this_thread::sleep_for(std::chrono::milliseconds(100));
                 fake::other_ends_transaction(reader);
             }).detach();
             world->judge = locked;
         }},
        {"child",
         [] {
             leave_a_login_open();
             fake::reset_calls();
             const pid_t child = ::fork();
             if (child == 0) {
                 // Ends as its parent does, with everything inherited.
                 world->judge = [] {
                     if (fake::calls() != 0) fail("the child used its parent's connection", fake::calls());
                     left_open();
                 };
                 return;
             }
             int status = 0;
             if (::waitpid(child, &status, 0) != child || status != 0) fail("the child", static_cast<CK_RV>(status));
             world->judge = locked;
         }},
    };
    return all;
}

// The module's destructor has no priority, so it runs before this one.
__attribute__((destructor(101))) void judge() {
    if (!world || !world->judge) return;
    if (Clock::now() - world->end_began > bound) fail("the end took too long");
    world->judge();
}

}  // namespace

int main(int argc, char** argv) {
    const auto way = ways().find(argc == 2 ? argv[1] : "");
    if (way == ways().end()) fail("usage");
    const std::string settings = "/tmp/jpki-exit-" + std::to_string(::getpid()) + ".toml";
    std::FILE* file = std::fopen(settings.c_str(), "w");
    if (!file) fail("settings");
    if (way->first == "consent") std::fputs("[signature]\nconsent = \"each\"\n", file);
    std::fclose(file);
    ::setenv("JPKI_PKCS11_CONFIG", settings.c_str(), 1);
    world = new World;
    fake::add_reader(reader, world->card);
    way->second();
    ::unlink(settings.c_str());
    world->end_began = Clock::now();
    return 0;
}
