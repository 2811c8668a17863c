// C_Initialize and C_Finalize: with calls running in other threads, 1000 times, and in a child after fork.
#include "in_child.hpp"
#include "removal_fixture.hpp"

#include <atomic>
#include <fstream>
#include <malloc.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace jpki::test;

namespace {

// All memory that malloc has allocated. 0 if a sanitizer has its own malloc.
std::size_t heap() { return mallinfo2().uordblks; }

std::size_t resident_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
    return 0;
}

// Every kind of function of a library that is not initialised. The number of the first one with another result.
int not_initialised(CK_SESSION_HANDLE session) {
    CK_INFO info{};
    CK_ULONG count = 0;
    CK_SLOT_ID slot = 0;
    CK_TOKEN_INFO token{};
    CK_SESSION_HANDLE fresh = 0;
    const std::vector<CK_RV> answers = {C_GetInfo(&info),
                                        C_GetSlotList(CK_FALSE, nullptr, &count),
                                        C_GetTokenInfo(0, &token),
                                        C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr),
                                        C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &fresh),
                                        C_CloseAllSessions(0),
                                        C_Finalize(nullptr)};
    for (std::size_t i = 0; i < answers.size(); ++i)
        if (answers[i] != CKR_CRYPTOKI_NOT_INITIALIZED) return static_cast<int>(i) + 1;
    for (std::size_t i = 0; i < session_calls().size(); ++i)
        if (session_calls()[i].call(session, 1) != CKR_CRYPTOKI_NOT_INITIALIZED) return static_cast<int>(i) + 100;
    return 0;
}

// What a program does after C_Initialize: 0 if it made a signature.
int use_the_card() {
    CK_ULONG count = 0;
    if (C_GetSlotList(CK_TRUE, nullptr, &count) != CKR_OK || count != 2) return 31;
    CK_SESSION_HANDLE session = 0;
    if (C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) return 32;
    std::string pin = auth_pin;
    if (C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), 4) != CKR_OK) return 33;
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &object_class, sizeof object_class};
    CK_OBJECT_HANDLE key = 0;
    if (C_FindObjectsInit(session, &wanted, 1) != CKR_OK || C_FindObjects(session, &key, 1, &count) != CKR_OK || count != 1)
        return 34;
    Bytes signature;
    if (C_FindObjectsFinal(session) != CKR_OK || sign(session, key, CKM_SHA256_RSA_PKCS, text, signature) != CKR_OK) return 35;
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lifetime)

BOOST_AUTO_TEST_CASE(finalize_during_calls_of_other_threads_ends_them) {
    Fixture f;
    std::size_t signatures = 0;
    for (int round = 0; round < 10; ++round) {
        std::atomic<std::size_t> done = 0, running = 0;
        std::atomic<CK_RV> odd = CKR_OK;
        std::vector<std::thread> threads;
        for (std::size_t n = 0; n < 4; ++n)
            threads.emplace_back([&, n] {
                const CK_SLOT_ID slot = n % 2;
                CK_RV rv = CKR_OK;
                while (rv != CKR_CRYPTOKI_NOT_INITIALIZED) {
                    CK_SESSION_HANDLE session = 0;
                    rv = C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
                    std::string pin = slot == 0 ? auth_pin : sign_pin;
                    if (rv == CKR_OK)
                        rv = C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()),
                                     static_cast<CK_ULONG>(pin.size()));
                    ++running;
                    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
                        CK_OBJECT_HANDLE objects[8];
                        CK_ULONG count = 0;
                        rv = C_FindObjectsInit(session, nullptr, 0);
                        if (rv == CKR_OK) rv = C_FindObjects(session, objects, 8, &count);
                        if (rv == CKR_OK) rv = C_FindObjectsFinal(session);
                        Bytes signature;
                        for (CK_ULONG i = 0; rv == CKR_OK && i < count; ++i)
                            if (sign(session, objects[i], CKM_SHA256_RSA_PKCS, text, signature) == CKR_OK) ++done;
                        if (rv == CKR_OK) rv = C_CloseSession(session);
                    }
                    if (rv != CKR_OK && rv != CKR_CRYPTOKI_NOT_INITIALIZED && rv != CKR_SESSION_HANDLE_INVALID &&
                        rv != CKR_USER_NOT_LOGGED_IN)
                        odd = rv;
                }
            });
        while (running < 8) std::this_thread::yield();
        REQUIRE_OK(C_Finalize(nullptr));
        for (auto& thread : threads) thread.join();
        signatures += done;
        CHECK_RV(odd.load(), CKR_OK);
        BOOST_CHECK(fake::open_now() == fake::Open{});
        // A login in progress when the library is finalised does not stay open at the card.
        for (const KeyUse use : both_keys) check_locked_for_others(use);
        REQUIRE_OK(C_Initialize(nullptr));
        BOOST_REQUIRE_EQUAL(use_the_card(), 0);
    }
    BOOST_TEST_MESSAGE("counted: " << signatures << " signatures in the way of 10 C_Finalize");
}

BOOST_AUTO_TEST_CASE(finalize_during_command_returns) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    std::thread finalizing;
    fake::on_transmit([&](const std::string&, jpki::model::ByteView command) {
        if (command[1] != 0x2A) return;
        finalizing = std::thread([] { C_Finalize(nullptr); });
        // It cannot pass our command; its own commands come later.
        while (C_GetSessionInfo(0, nullptr) != CKR_CRYPTOKI_NOT_INITIALIZED) std::this_thread::yield();
    });
    const CK_RV rv = try_sign(session, key);
    BOOST_CHECK(rv == CKR_OK || rv == CKR_USER_NOT_LOGGED_IN);
    finalizing.join();
    fake::on_transmit({});
    check_locked_for_others(KeyUse::authentication);
    BOOST_CHECK(fake::open_now() == fake::Open{});
}

BOOST_AUTO_TEST_CASE(initialize_and_finalize_repeated_1000_times_do_not_grow) {
    Fixture f;
    REQUIRE_OK(C_Finalize(nullptr));
    const auto round = [](bool with_the_card) {
        CK_ULONG count = 0;
        CK_SESSION_HANDLE session = 0;
        CK_OBJECT_HANDLE objects[8];
        return C_Initialize(nullptr) == CKR_OK && C_GetSlotList(CK_TRUE, nullptr, &count) == CKR_OK &&
               (!with_the_card ||
                (C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) == CKR_OK &&
                 C_FindObjectsInit(session, nullptr, 0) == CKR_OK && C_FindObjects(session, objects, 8, &count) == CKR_OK)) &&
               C_Finalize(nullptr) == CKR_OK && fake::open_now() == fake::Open{};
    };
    int good = 0;
    for (int i = 0; i < 100; ++i) good += round(true);  // permanent allocations of malloc and OpenSSL exist after these
    const std::size_t heap_before = heap(), resident_before = resident_kib();
    for (int i = 0; i < 900; ++i) good += round(i % 2 == 1);
    const std::size_t heap_after = heap(), resident_after = resident_kib();
    BOOST_CHECK_EQUAL(good, 1000);
    BOOST_TEST_MESSAGE("counted: "
                       << "1000 rounds; heap " << heap_before << " -> " << heap_after << " bytes, resident " << resident_before
                       << " -> " << resident_after << " KiB in the last 900");
    // Free chunks in a thread's cache of malloc count as allocated. From glibc 2.41 on calloc() fills that cache too, up to 230
    // KB in random order, so ctest disables it (GLIBC_TUNABLES). One chunk lost in every second round would be 450 times 32
    // bytes at least.
    BOOST_CHECK_LT(heap_after, heap_before + 450 * 32);
    if (heap_before != 0) BOOST_CHECK_LE(resident_after, resident_before + 512);
}

BOOST_AUTO_TEST_CASE(child_after_fork_is_not_initialised_can_initialise_and_does_not_disturb_parent) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    const int child = in_child([&] {
        const auto open = fake::open_now();
        const std::size_t calls = fake::calls();
        if (const int odd = not_initialised(session)) return odd;
        if (fake::calls() != calls) return 20;  // no command on the parent's connections
        if (C_Initialize(nullptr) != CKR_OK || C_Initialize(nullptr) != CKR_CRYPTOKI_ALREADY_INITIALIZED) return 21;
        CK_SESSION_INFO info{};
        if (C_GetSessionInfo(session, &info) != CKR_SESSION_HANDLE_INVALID) return 22;
        if (const int odd = use_the_card()) return odd;
        // A child of the child.
        const pid_t pid = ::fork();
        if (pid == 0) {
            int odd = not_initialised(session);
            if (odd == 0 && C_Initialize(nullptr) != CKR_OK) odd = 23;
            if (odd == 0) odd = use_the_card();
            if (odd == 0 && C_Finalize(nullptr) != CKR_OK) odd = 24;
            ::_exit(odd);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        if (status != 0) return 25;
        if (C_Finalize(nullptr) != CKR_OK) return 26;
        if (!(fake::open_now() == open)) return 27;  // only the parent's contexts and handles
        return not_initialised(session);
    });
    BOOST_CHECK_EQUAL(child, 0);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
    signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(child_that_exits_or_finalises_does_not_disturb_parent) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    BOOST_CHECK_EQUAL(in_child([] { return 0; }), 0);
    BOOST_CHECK_EQUAL(in_child([] { return C_Finalize(nullptr) == CKR_CRYPTOKI_NOT_INITIALIZED ? 0 : 1; }), 0);
    signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(child_forked_during_calls_of_other_threads_can_initialise) {
    Fixture f;
    std::atomic<bool> stop = false;
    std::thread busy([&] {
        CK_INFO info{};
        while (!stop) C_GetInfo(&info);  // takes the mutex that a child must not wait for
    });
    int odd = 0;
    for (int i = 0; i < 20 && odd == 0; ++i)
        odd = in_child([] {
            CK_INFO info{};
            return C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED && C_Finalize(nullptr) == CKR_CRYPTOKI_NOT_INITIALIZED ? 0
                                                                                                                           : 1;
        });
    stop = true;
    busy.join();
    BOOST_CHECK_EQUAL(odd, 0);
}

BOOST_AUTO_TEST_CASE(initialize_from_many_threads_succeeds_in_one) {
    Fixture f;
    REQUIRE_OK(C_Finalize(nullptr));
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> first = 0, later = 0, finalised = 0;
        std::vector<std::thread> threads;
        for (int n = 0; n < 4; ++n)
            threads.emplace_back([&] {
                const CK_RV rv = C_Initialize(nullptr);
                first += rv == CKR_OK;
                later += rv == CKR_CRYPTOKI_ALREADY_INITIALIZED;
            });
        for (auto& thread : threads) thread.join();
        BOOST_CHECK_EQUAL(first, 1);
        BOOST_CHECK_EQUAL(later, 3);
        threads.clear();
        for (int n = 0; n < 4; ++n) threads.emplace_back([&] { finalised += C_Finalize(nullptr) == CKR_OK; });
        for (auto& thread : threads) thread.join();
        BOOST_CHECK_EQUAL(finalised, 1);
    }
}

BOOST_AUTO_TEST_SUITE_END()
