// fork() in one thread while another one is in a call of libpcsclite that holds a mutex of the whole process: a child that
// inherits that mutex never gets an answer of pcscd again.
#include "fixture.hpp"

#include "gate.hpp"
#include "in_child.hpp"
#include "test_clock.hpp"

#include "apdu/card_clock.hpp"
#include "apdu/fork_deferral.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <pthread.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace jpki::test;
namespace fake = jpki::fake;
using fake::Function;
using jpki::CardClock;

namespace {

// A handler of the host's own. Registered before that of the module, it is called after it.
std::function<void()> before_fork;
__attribute__((constructor(101))) void register_handler() {
    ::pthread_atfork(
        [] {
            if (before_fork) before_fork();
        },
        nullptr, nullptr);
}

CK_RV list_slots() {
    CK_ULONG count = 0;
    return C_GetSlotList(CK_FALSE, nullptr, &count);
}

// A call of the module in a thread of its own that stops at the start of its first call of an SCard* function.
class Stopped {
public:
    Stopped(Function function, std::function<CK_RV()> call) : stop_(function) {
        fake::on_call(fake::stop_where_told);
        thread_ = std::thread([this, call = std::move(call)] {
            fake::stop = &stop_;
            rv_ = call();
        });
        stop_.gate.until_somebody_waits();
    }
    CK_RV go_on() {
        goes_on = true;
        stop_.gate.open();
        thread_.join();
        fake::on_call({});
        return rv_;
    }
    std::atomic<bool> goes_on = false;

private:
    fake::Stop stop_;
    CK_RV rv_ = CKR_GENERAL_ERROR;
    std::thread thread_;
};

// How long the module slept in `call` by the test's clock, while sleeps take no time.
std::chrono::milliseconds slept_in(const std::function<void()>& call) {
    const test_clock::SleepsTakeNoTime no_time;
    const auto before = CardClock::now().time_since_epoch();
    const auto real_before = std::chrono::steady_clock::now();
    call();
    const auto real = std::chrono::steady_clock::now() - real_before;
    return std::chrono::duration_cast<std::chrono::milliseconds>(CardClock::now().time_since_epoch() - before - real);
}

// A wait in vain ends by the test's clock, which counts real time too: on a busy machine part of the half second. Returns what
// slept_in() does.
std::chrono::milliseconds check_waits_half_a_second(const std::function<void()>& call) {
    const auto before = CardClock::now();
    const auto slept = slept_in(call);
    BOOST_CHECK(CardClock::now() - before >= jpki::fork_patience);
    return slept;
}

void check_fork_waits_for(Function function, const std::function<CK_RV()>& call) {
    BOOST_TEST_CONTEXT("function " << static_cast<int>(function)) {
        const test_clock::ClockStandsStill no_wait_ends;
        Stopped stopped(function, call);
        std::atomic<int> child = -1;
        std::atomic<pid_t> id = 0;
        std::thread forking([&] {
            id = ::gettid();
            child = in_child([&] { return stopped.goes_on ? 0 : 1; });
        });
        fake::until_it_sleeps(id);  // before fork(), or in waitpid()
        CHECK_RV(stopped.go_on(), CKR_OK);
        forking.join();
        BOOST_CHECK_EQUAL(child, 0);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(forks)

BOOST_AUTO_TEST_CASE(fork_waits_for_calls_that_hold_a_mutex_of_libpcsclite) {
    Fixture f;
    check_fork_waits_for(Function::list_readers, list_slots);
    check_fork_waits_for(Function::get_status_change, list_slots);
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    check_fork_waits_for(Function::get_status_change, [&] {
        Bytes signature;
        return sign(session, key, CKM_SHA256_RSA_PKCS, Bytes(32, 0x11), signature);
    });
    check_fork_waits_for(Function::release_context, [] { return C_Finalize(nullptr); });
    REQUIRE_OK(C_Initialize(nullptr));
    check_fork_waits_for(Function::establish_context, list_slots);
}

BOOST_AUTO_TEST_CASE(fork_waits_for_query_of_card_power) {
    Fixture f;
    const auto session = f.open(auth_slot);
    find_class(session, CKO_CERTIFICATE);
    fake::other_resets(reader_name, SCARD_UNPOWER_CARD);
    check_fork_waits_for(Function::status, [&] {
        std::string pin = auth_pin;
        return C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), 4);
    });
}

BOOST_AUTO_TEST_CASE(call_that_begins_during_fork_waits_until_fork_has_returned) {
    Fixture f;
    const test_clock::ClockStandsStill no_wait_ends;
    std::atomic<pid_t> id = 0;
    std::atomic<bool> done = false, go = false;
    std::atomic<CK_RV> rv = CKR_GENERAL_ERROR;
    std::thread thread([&] {
        in_child([] { return 0; });  // its own fork() is over
        id = ::gettid();
        while (!go) std::this_thread::yield();
        rv = list_slots();
        done = true;
    });
    while (id == 0) std::this_thread::yield();
    std::size_t calls = 1;
    bool done_during_fork = true;
    before_fork = [&] {
        fake::reset_calls();
        go = true;
        fake::give_time(id, done);
        calls = fake::calls();
        done_during_fork = done;
    };
    BOOST_CHECK_EQUAL(in_child([] { return 0; }), 0);
    before_fork = {};
    thread.join();
    BOOST_CHECK_EQUAL(calls, 0u);
    BOOST_CHECK(!done_during_fork);
    CHECK_RV(rv.load(), CKR_OK);
}

BOOST_AUTO_TEST_CASE(fork_handler_of_host_that_waits_for_a_call_waits_half_a_second) {
    Fixture f;
    CK_RV rv = CKR_GENERAL_ERROR;
    before_fork = [&] { std::thread([&] { rv = list_slots(); }).join(); };
    check_waits_half_a_second([&] { BOOST_CHECK_EQUAL(in_child([] { return 0; }), 0); });
    before_fork = {};
    CHECK_RV(rv, CKR_OK);
}

BOOST_AUTO_TEST_CASE(fork_during_call_that_pcscd_does_not_answer_waits_half_a_second) {
    Fixture f;
    Stopped stopped(Function::list_readers, list_slots);
    // In the child nothing is under way: neither its calls nor its own fork() wait.
    const auto work_of_child = [] {
        bool good = true;
        const auto slept = slept_in(
            [&] { good = C_Initialize(nullptr) == CKR_OK && list_slots() == CKR_OK && in_child([] { return 0; }) == 0; });
        return good && slept.count() < 100 ? 0 : 1;
    };
    const auto slept = check_waits_half_a_second([&] { BOOST_CHECK_EQUAL(in_child(work_of_child), 0); });
    BOOST_CHECK_LT(slept.count(), 2 * jpki::fork_patience.count());
    CHECK_RV(stopped.go_on(), CKR_OK);
}

// As in a signal handler that interrupted the call.
BOOST_AUTO_TEST_CASE(fork_within_a_call_of_its_own_thread_does_not_wait) {
    Fixture f;
    int child = -1;
    std::chrono::milliseconds slept = jpki::fork_patience;
    fake::on_call([&](Function function) {
        if (function != Function::list_readers || child != -1) return;
        slept = slept_in([&] { child = in_child([] { return 0; }); });
    });
    CHECK_RV(list_slots(), CKR_OK);
    fake::on_call({});
    BOOST_CHECK_EQUAL(child, 0);
    BOOST_CHECK_LT(slept.count(), 100);
}

BOOST_AUTO_TEST_CASE(call_in_a_fork_handler_of_its_own_thread_does_not_wait) {
    Fixture f;
    CK_RV rv = CKR_GENERAL_ERROR;
    before_fork = [&] { rv = list_slots(); };
    const auto slept = slept_in([&] { BOOST_CHECK_EQUAL(in_child([] { return 0; }), 0); });
    before_fork = {};
    CHECK_RV(rv, CKR_OK);
    BOOST_CHECK_LT(slept.count(), 100);
}

// fork() is no cancellation point. A thread that ended there would leave every later call waiting.
BOOST_AUTO_TEST_CASE(thread_cancelled_while_its_fork_waits_forks_first) {
    Fixture f;
    const test_clock::ClockStandsStill no_wait_ends;
    Stopped stopped(Function::list_readers, list_slots);
    struct Forking {
        std::atomic<pid_t> id = 0;
        int child = -1;
    } forking;
    const auto run = [](void* argument) -> void* {
        Forking& result = *static_cast<Forking*>(argument);
        ::pthread_cancel(::pthread_self());
        result.id = ::gettid();
        const pid_t pid = ::fork();
        if (pid == 0) ::_exit(0);
        ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
        int status = 0;
        if (::waitpid(pid, &status, 0) == pid) result.child = status;
        return nullptr;
    };
    pthread_t thread{};
    BOOST_REQUIRE_EQUAL(::pthread_create(&thread, nullptr, run, &forking), 0);
    fake::until_it_sleeps(forking.id);  // a sleep that takes time is the cancellation point
    CHECK_RV(stopped.go_on(), CKR_OK);
    ::pthread_join(thread, nullptr);
    BOOST_CHECK_EQUAL(forking.child, 0);
}

BOOST_AUTO_TEST_CASE(fork_without_a_call_does_not_wait) {
    Fixture f;
    CHECK_RV(list_slots(), CKR_OK);
    const auto slept = slept_in([&] { BOOST_CHECK_EQUAL(in_child([] { return 0; }), 0); });
    BOOST_CHECK_EQUAL(slept.count(), 0);
}

BOOST_AUTO_TEST_SUITE_END()
