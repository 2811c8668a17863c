// One thread changes a PIN, a login or the library, while another one signs, searches or starts again.
#include "gate.hpp"
#include "module/runtime.hpp"
#include "pin_fixture.hpp"

#include <atomic>
#include <thread>
#include <unistd.h>

using namespace jpki::test;
using fake::Function;
using fake::Gate;
using fake::Stop;

namespace {

// A command that matches `wanted` waits before it is sent, once.
void stop_at(Gate& gate, const std::function<bool(model::ByteView)>& wanted) {
    fake::on_transmit(
        [&gate, wanted, done = std::make_shared<std::atomic<bool>>(false)](const std::string&, model::ByteView command) {
            if (wanted(command) && !done->exchange(true)) gate.wait_here();
        });
}

CK_OBJECT_HANDLE private_key_if_shown(CK_SESSION_HANDLE session) {
    const auto found = find_class(session, CKO_PRIVATE_KEY);
    return found.empty() ? 0 : found.front();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(changes_of_two_threads)

BOOST_AUTO_TEST_CASE(running_pin_change_keeps_login_usable) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot, CKF_RW_SESSION), second = f.open(auth_slot);
    const auto key = find_key(session);
    Gate gate;
    stop_at(gate, [](model::ByteView command) { return command[1] == 0x20 && command.size() > 5; });
    CK_RV changed = CKR_GENERAL_ERROR;
    std::thread user([&] { changed = set_pin(session, auth_pin, "4711"); });
    gate.until_somebody_waits();
    BOOST_CHECK_EQUAL(f.state(second), CKS_RO_USER_FUNCTIONS);
    CK_ATTRIBUTE object_class = {CKA_CLASS, nullptr, 0};
    CHECK_RV(C_GetAttributeValue(second, key, &object_class, 1), CKR_OK);
    gate.open();
    user.join();
    fake::on_transmit({});
    CHECK_RV(changed, CKR_OK);
    BOOST_CHECK_EQUAL(f.state(second), CKS_RO_USER_FUNCTIONS);
    CHECK_RV(try_sign(second, key), CKR_OK);
}

BOOST_AUTO_TEST_CASE(pin_change_does_not_restore_lost_login) {
    Fixture f;
    const auto lost = f.open_logged_in(auth_slot, CKF_RW_SESSION);
    f.open_logged_in(sign_slot);  // keeps the card open
    BOOST_REQUIRE_EQUAL(other_verifies(KeyUse::authentication, "0000"), 0x63C2);
    CHECK_RV(try_sign(lost, find_key(lost)), CKR_USER_NOT_LOGGED_IN);
    Gate gate;
    stop_at(gate, [](model::ByteView command) { return command[1] == 0x24; });
    CK_RV changed = CKR_GENERAL_ERROR;
    std::thread user([&] { changed = set_pin(lost, auth_pin, "4711"); });
    gate.until_somebody_waits();
    BOOST_CHECK_EQUAL(f.state(lost), CKS_RW_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(private_key_if_shown(f.open(auth_slot)), 0u);
    gate.open();
    user.join();
    fake::on_transmit({});
    CHECK_RV(changed, CKR_OK);
    BOOST_CHECK_EQUAL(f.state(lost), CKS_RW_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(f.card->counts().signatures[0], 0u);
}

BOOST_AUTO_TEST_CASE(logout_during_search_leaves_no_certificate_in_memory) {
    // A thread cannot be stopped between the end of a read and the store of its result; on a busy machine half of the rounds
    // meet.
    for (int round = 0; round < 30; ++round) {
        Fixture f;
        const auto session = f.open_logged_in(sign_slot), second = f.open(sign_slot);
        Gate gate;
        stop_at(gate, [](model::ByteView command) { return command[1] == 0xB0 && command[2] == 0x81; });
        std::thread searcher([&] {
            CK_OBJECT_HANDLE objects[8];
            CK_ULONG count = 0;
            C_FindObjectsInit(second, nullptr, 0);
            C_FindObjects(second, objects, 8, &count);
        });
        gate.until_somebody_waits();
        auto leaver = fake::start_until_it_sleeps([&] { C_Logout(session); });
        gate.open();
        searcher.join();
        leaver.join();
        fake::on_transmit({});
        auto& token = jpki::Runtime::get()->slots.insertion(sign_slot)->token(jpki::KeyUse::signature);
        BOOST_REQUIRE(!token.logged_in());
        BOOST_CHECK(token.certificate() == nullptr);
    }
}

BOOST_AUTO_TEST_CASE(finalize_does_not_log_out_next_initialised_library) {
    Fixture f;
    f.open_logged_in(auth_slot);
    Stop locking(Function::get_attrib);
    fake::on_call(fake::stop_where_told);
    std::thread finalizer([&] {
        fake::stop = &locking;
        C_Finalize(nullptr);
    });
    locking.gate.until_somebody_waits();
    std::atomic<pid_t> thread = 0;
    std::atomic<bool> logged_in = false;
    Gate last_one_ended;
    std::atomic<CK_RV> signature = CKR_GENERAL_ERROR;
    std::thread next([&] {
        thread = ::gettid();
        if (C_Initialize(nullptr) != CKR_OK) return;
        CK_ULONG count = 0;
        C_GetSlotList(CK_FALSE, nullptr, &count);
        const auto session = f.open_logged_in(auth_slot);
        logged_in = true;
        last_one_ended.wait_here();
        signature = try_sign(session, find_key(session));
    });
    // It waits for the end of the last one, or it logs in without waiting.
    fake::give_time(thread, logged_in);
    locking.gate.open();
    finalizer.join();
    last_one_ended.until_somebody_waits();
    last_one_ended.open();
    next.join();
    fake::on_call({});
    CHECK_RV(signature, CKR_OK);
}

// C_Finalize cannot cancel a wait that has not begun: SCardCancel has no effect before SCardGetStatusChange.
BOOST_AUTO_TEST_CASE(wait_for_slot_event_does_not_begin_after_finalize_has_ended_the_others) {
    Fixture f;
    const auto wait = [] {
        CK_SLOT_ID slot = 0;
        return C_WaitForSlotEvent(0, &slot, nullptr);
    };
    std::atomic<CK_RV> early = CKR_OK, late = CKR_OK, finalized = CKR_GENERAL_ERROR;
    std::thread waits([&] { early = wait(); });
    BOOST_REQUIRE(fake::wait_until_blocked(Function::get_status_change));
    Stop before_wait(Function::get_status_change);  // while it asks for the states of the readers
    std::atomic<bool> cancelled = false;
    fake::on_call([&](Function function) {
        if (function == Function::cancel) cancelled = true;
        fake::stop_where_told(function);
    });
    std::thread will_wait([&] {
        fake::stop = &before_wait;
        late = wait();
    });
    before_wait.gate.until_somebody_waits();
    std::thread finalizer([&] { finalized = C_Finalize(nullptr); });
    while (!cancelled) std::this_thread::yield();
    const std::size_t contexts = fake::calls(Function::establish_context);
    before_wait.gate.open();
    for (std::thread* one : {&waits, &will_wait, &finalizer}) one->join();
    fake::on_call({});
    CHECK_RV(early, CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(late, CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(finalized, CKR_OK);
    BOOST_CHECK_EQUAL(fake::calls(Function::establish_context), contexts);  // of a wait: each has its own
}

BOOST_AUTO_TEST_SUITE_END()
