// The fake of PC/SC: two programs with one card.
#include "fake_pcsc_fixture.hpp"

#include <atomic>

using namespace jpki::fake;
using namespace jpki::fake::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(sharing, Fixture)

BOOST_AUTO_TEST_CASE(calls_during_transaction_fail_or_wait_as_in_pcsclite) {
    const SCARDHANDLE handle = connect();
    BOOST_REQUIRE(other_begins_transaction(reader_name));
    CHECK_RC(get_atr(handle), SCARD_E_SHARING_VIOLATION);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_E_SHARING_VIOLATION);
    CHECK_RC(SCardEndTransaction(handle, SCARD_UNPOWER_CARD), SCARD_E_SHARING_VIOLATION);
    DWORD size = 0;
    CHECK_RC(SCardControl(handle, CM_IOCTL_GET_FEATURE_REQUEST, nullptr, 0, nullptr, 0, &size), SCARD_E_SHARING_VIOLATION);

    // In the threads no checks: Boost.Test's are for one thread only.
    const auto waits = [&](Function function, const std::function<LONG()>& call) {
        LONG rc = -1;
        std::thread waiting([&] { rc = call(); });
        BOOST_CHECK(wait_until_blocked(function));
        other_ends_transaction(reader_name);
        waiting.join();
        CHECK_RC(rc, SCARD_S_SUCCESS);
        BOOST_REQUIRE(function == Function::begin_transaction || other_begins_transaction(reader_name));
    };
    waits(Function::transmit, [&] { return transmit(handle, tries_left); });
    waits(Function::status, [&] { return SCardStatus(handle, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr); });
    waits(Function::reconnect, [&] { return reconnect(handle); });
    waits(Function::connect, [&] {
        SCARDHANDLE second = 0;
        DWORD protocol = 0;
        return SCardConnect(context, reader_name.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &second, &protocol);
    });
    waits(Function::begin_transaction, [&] { return SCardBeginTransaction(handle); });
    BOOST_CHECK(!other_begins_transaction(reader_name));
    BOOST_CHECK(!other_resets(reader_name));
    try {
        other_transmit(reader_name, tries_left);
        BOOST_ERROR("the other program got through");
    } catch (const OtherFailed& failed) {
        CHECK_RC(failed.code, SCARD_E_SHARING_VIOLATION);
    }
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(other_transmit(reader_name, select_jpki).size(), 2U);
}

BOOST_AUTO_TEST_CASE(transactions_nest) {
    const SCARDHANDLE handle = connect();
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_E_NOT_TRANSACTED);
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(open_now().transactions, 2U);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(!other_begins_transaction(reader_name));
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(other_begins_transaction(reader_name));
}

BOOST_AUTO_TEST_CASE(reset_by_another_program_is_reported_once) {
    const SCARDHANDLE handle = connect();
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    BOOST_CHECK(other_resets(reader_name));
    CHECK_RC(transmit(handle, tries_left), SCARD_W_RESET_CARD);
    CHECK_RC(get_atr(handle), SCARD_W_RESET_CARD);
    CHECK_RC(SCardBeginTransaction(handle), SCARD_W_RESET_CARD);
    BOOST_CHECK_EQUAL(events(reader_name), 1U);
    CHECK_RC(reconnect(handle), SCARD_S_SUCCESS);
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    CHECK_RC(SCardEndTransaction(handle, SCARD_UNPOWER_CARD), SCARD_S_SUCCESS);
    // Now the other program has to reconnect, and does.
    BOOST_CHECK_EQUAL(other_transmit(reader_name, select_jpki).size(), 2U);
}

BOOST_AUTO_TEST_CASE(exclusive_connection_excludes_others) {
    BOOST_REQUIRE(other_opens_exclusively(reader_name));
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    CHECK_RC(SCardConnect(context, reader_name.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &handle, &protocol),
             SCARD_E_SHARING_VIOLATION);
    SCARD_READERSTATE state{};
    state.szReader = reader_name.c_str();
    CHECK_RC(SCardGetStatusChange(context, 0, &state, 1), SCARD_S_SUCCESS);
    BOOST_CHECK(state.dwEventState & SCARD_STATE_EXCLUSIVE);
    other_closes(reader_name);
    handle = connect(SCARD_SHARE_EXCLUSIVE);
    BOOST_CHECK(!other_opens_exclusively(reader_name));
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(open_now().transactions, 1U);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_E_NOT_TRANSACTED);
    CHECK_RC(SCardDisconnect(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    handle = connect();
    BOOST_CHECK(!other_opens_exclusively(reader_name));
}

BOOST_AUTO_TEST_CASE(busy_context_blocks_whole_process) {
    // libpcsclite waits for the busy context with its central lock held, and SCardCancel needs that lock.
    SCARDCONTEXT second = 0;
    CHECK_RC(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &second), SCARD_S_SUCCESS);
    std::thread waiting([&] {
        SCARD_READERSTATE state{};
        state.szReader = reader_name.c_str();
        state.dwCurrentState = SCARD_STATE_PRESENT;
        SCardGetStatusChange(context, INFINITE, &state, 1);
    });
    BOOST_CHECK(wait_until_blocked(Function::get_status_change));
    std::atomic<int> returned{0};
    std::thread same_context([&] {
        DWORD size = 0;
        SCardListReaders(context, nullptr, nullptr, &size);
        ++returned;
    });
    while (calls(Function::list_readers) == 0) std::this_thread::yield();
    std::this_thread::sleep_for(2ms);
    std::thread other_context([&] {
        DWORD size = 0;
        SCardListReaders(second, nullptr, nullptr, &size);
        ++returned;
    });
    while (calls(Function::list_readers) < 2) std::this_thread::yield();
    std::this_thread::sleep_for(2ms);
    BOOST_CHECK_EQUAL(returned.load(), 0);
    jpki::fake::remove_card(reader_name);
    waiting.join();
    same_context.join();
    other_context.join();
    BOOST_CHECK_EQUAL(returned.load(), 2);
}

BOOST_AUTO_TEST_CASE(many_threads_share_service) {
    std::atomic<int> inside{0}, overlaps{0}, commands{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            SCARDCONTEXT own = 0;
            SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &own);
            SCARDHANDLE handle = 0;
            DWORD protocol = 0;
            SCardConnect(own, reader_name.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &handle, &protocol);
            for (int n = 0; n < 50; ++n) {
                if (SCardBeginTransaction(handle) != SCARD_S_SUCCESS) continue;
                if (inside.fetch_add(1) != 0) ++overlaps;
                if (transmit(handle, tries_left) == SCARD_S_SUCCESS) ++commands;
                --inside;
                SCardEndTransaction(handle, SCARD_LEAVE_CARD);
            }
            SCardReleaseContext(own);
        });
    for (int n = 0; n < 50; ++n)
        if (other_begins_transaction(reader_name, 100ms)) {
            if (inside.fetch_add(1) != 0) ++overlaps;
            --inside;
            other_ends_transaction(reader_name);
        }
    for (std::thread& thread : threads) thread.join();
    BOOST_CHECK_EQUAL(overlaps.load(), 0);
    BOOST_CHECK_EQUAL(commands.load(), 200);
    BOOST_CHECK(open_now() == (Open{1, 0, 0}));
}

BOOST_AUTO_TEST_SUITE_END()
