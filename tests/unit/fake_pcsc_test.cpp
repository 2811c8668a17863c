// The fake of PC/SC: contexts, readers, connections, the service itself.
#include "fake_pcsc_fixture.hpp"

using namespace jpki::fake;
using namespace jpki::fake::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(connections, Fixture)

BOOST_AUTO_TEST_CASE(readers_are_listed_as_multi_string) {
    add_reader("Second 01 00");
    DWORD size = 0;
    CHECK_RC(SCardListReaders(context, nullptr, nullptr, &size), SCARD_S_SUCCESS);
    std::string list(size, 'x');
    DWORD small = size - 1;
    CHECK_RC(SCardListReaders(context, nullptr, list.data(), &small), SCARD_E_INSUFFICIENT_BUFFER);
    BOOST_CHECK_EQUAL(small, size);
    CHECK_RC(SCardListReaders(context, nullptr, list.data(), &size), SCARD_S_SUCCESS);
    using namespace std::string_literals;
    BOOST_CHECK(list == reader_name + "\0Second 01 00\0\0"s);

    char* allocated = nullptr;
    size = SCARD_AUTOALLOCATE;
    REQUIRE_RC(SCardListReaders(context, nullptr, reinterpret_cast<char*>(&allocated), &size), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(allocated, reader_name);
    CHECK_RC(SCardFreeMemory(context, allocated), SCARD_S_SUCCESS);

    remove_reader(reader_name);
    remove_reader("Second 01 00");
    CHECK_RC(SCardListReaders(context, nullptr, nullptr, &size), SCARD_E_NO_READERS_AVAILABLE);
}

BOOST_AUTO_TEST_CASE(connect_returns_code_of_each_error) {
    SCARDHANDLE handle = 1;
    DWORD protocol = 0;
    const auto connect_to = [&](const char* name, DWORD protocols = SCARD_PROTOCOL_ANY) {
        return SCardConnect(context, name, SCARD_SHARE_SHARED, protocols, &handle, &protocol);
    };
    CHECK_RC(connect_to("nowhere"), SCARD_E_UNKNOWN_READER);
    BOOST_CHECK_EQUAL(handle, 0U);
    CHECK_RC(connect_to(reader_name.c_str(), 0), SCARD_E_PROTO_MISMATCH);
    CHECK_RC(connect_to(reader_name.c_str(), SCARD_PROTOCOL_T0), SCARD_E_PROTO_MISMATCH);
    CHECK_RC(SCardConnect(context + 1, reader_name.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &handle, &protocol),
             SCARD_E_INVALID_HANDLE);
    remove_card(reader_name);
    CHECK_RC(connect_to(reader_name.c_str()), SCARD_E_NO_SMARTCARD);
    insert_mute_card(reader_name);
    CHECK_RC(connect_to(reader_name.c_str()), SCARD_W_UNPOWERED_CARD);
    BOOST_CHECK(open_now() == (Open{1, 0, 0}));
}

BOOST_AUTO_TEST_CASE(commands_reach_card) {
    const SCARDHANDLE handle = connect();
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    BOOST_CHECK_EQUAL(status_of(handle, right_pin), 0x9000);
    BOOST_CHECK(card->verified(jpki::model::KeyUse::authentication));

    std::array<char, 64> name{};
    std::array<std::uint8_t, MAX_ATR_SIZE> atr{};
    DWORD name_size = name.size(), atr_size = atr.size(), state = 0, protocol = 0;
    CHECK_RC(SCardStatus(handle, name.data(), &name_size, &state, &protocol, atr.data(), &atr_size), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(name.data(), reader_name);
    BOOST_CHECK_EQUAL(state, (1U << 16) + (SCARD_PRESENT | SCARD_POWERED | SCARD_NEGOTIABLE));
    BOOST_CHECK_EQUAL(protocol, SCARD_PROTOCOL_T1);
    BOOST_CHECK(Bytes(atr.begin(), atr.begin() + static_cast<std::ptrdiff_t>(atr_size)) == card->atr());

    std::array<std::uint8_t, 4> tiny{};
    DWORD size = 1;
    CHECK_RC(SCardTransmit(handle, SCARD_PCI_T1, tries_left.data(), tries_left.size(), nullptr, tiny.data(), &size),
             SCARD_E_INSUFFICIENT_BUFFER);
    size = tiny.size();
    CHECK_RC(SCardTransmit(handle, SCARD_PCI_T0, tries_left.data(), tries_left.size(), nullptr, tiny.data(), &size),
             SCARD_E_PROTO_MISMATCH);
}

BOOST_AUTO_TEST_CASE(dispositions_leave_reset_or_power_off_card) {
    const auto verified = [&] { return card->verified(jpki::model::KeyUse::authentication); };
    SCARDHANDLE handle = connect();
    const auto log_in = [&] {
        BOOST_REQUIRE_EQUAL(status_of(handle, select_jpki), 0x9000);
        BOOST_REQUIRE_EQUAL(status_of(handle, right_pin), 0x9000);
    };
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    log_in();
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(verified() && card->application_selected());
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    CHECK_RC(SCardEndTransaction(handle, SCARD_RESET_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(verified() && !card->application_selected());
    // The handle that caused the reset gets the event too.
    CHECK_RC(SCardBeginTransaction(handle), SCARD_W_RESET_CARD);
    CHECK_RC(reconnect(handle), SCARD_S_SUCCESS);
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    CHECK_RC(SCardEndTransaction(handle, SCARD_UNPOWER_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(!verified());
    CHECK_RC(reconnect(handle), SCARD_S_SUCCESS);
    log_in();
    CHECK_RC(SCardDisconnect(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(verified());
    handle = connect();
    CHECK_RC(SCardDisconnect(handle, SCARD_UNPOWER_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(!verified());
    handle = connect();
    log_in();
    CHECK_RC(SCardDisconnect(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    power_down_idle(reader_name);
    BOOST_CHECK(!verified());
    BOOST_CHECK_EQUAL(status_of(connect(), select_jpki), 0x9000);
}

BOOST_AUTO_TEST_CASE(releasing_context_in_transaction_resets_card) {
    const SCARDHANDLE handle = connect();
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    BOOST_CHECK(open_now() == (Open{1, 1, 1}));
    CHECK_RC(SCardReleaseContext(context), SCARD_S_SUCCESS);
    BOOST_CHECK(open_now() == (Open{0, 0, 0}));
    BOOST_CHECK(!card->application_selected());
    CHECK_RC(transmit(handle, tries_left), SCARD_E_INVALID_HANDLE);
    CHECK_RC(SCardReleaseContext(context), SCARD_E_INVALID_HANDLE);
    CHECK_RC(SCardIsValidContext(context), SCARD_E_INVALID_HANDLE);
}

BOOST_AUTO_TEST_CASE(stopped_service_is_reported_as_missing) {
    const SCARDHANDLE handle = connect();
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    stop_service();
    CHECK_RC(transmit(handle, tries_left), SCARD_E_NO_SERVICE);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_E_NO_SERVICE);
    SCARDCONTEXT second = 0;
    CHECK_RC(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &second), SCARD_E_NO_SERVICE);
    start_service();
    BOOST_CHECK_EQUAL(events(reader_name), 0U);
    // The old context never becomes valid again.
    CHECK_RC(transmit(handle, tries_left), SCARD_E_NO_SERVICE);
    CHECK_RC(SCardIsValidContext(context), SCARD_S_SUCCESS);
    CHECK_RC(SCardReleaseContext(context), SCARD_E_NO_SERVICE);
    BOOST_CHECK(open_now() == Open{});
    CHECK_RC(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(status_of(connect(), select_jpki), 0x9000);
}

BOOST_AUTO_TEST_CASE(stop_of_service_ends_waiting_call) {
    BOOST_REQUIRE(other_begins_transaction(reader_name));
    LONG rc = 0;
    std::thread waiting([&] {
        SCARDHANDLE handle = 0;
        DWORD protocol = 0;
        // pcscd waits for the other program's transaction even in connect.
        rc = SCardConnect(context, reader_name.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &handle, &protocol);
    });
    BOOST_CHECK(wait_until_blocked(Function::connect));
    stop_service();
    waiting.join();
    CHECK_RC(rc, SCARD_F_COMM_ERROR);
}

BOOST_AUTO_TEST_CASE(calls_are_counted_and_fail_on_command) {
    const SCARDHANDLE handle = connect();
    reset_calls();
    fail(Function::transmit, SCARD_F_COMM_ERROR, 2, 1);
    CHECK_RC(transmit(handle, select_jpki), SCARD_S_SUCCESS);
    CHECK_RC(transmit(handle, select_jpki), SCARD_F_COMM_ERROR);
    CHECK_RC(transmit(handle, select_jpki), SCARD_F_COMM_ERROR);
    CHECK_RC(transmit(handle, select_jpki), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(calls(Function::transmit), 4U);
    BOOST_CHECK_EQUAL(calls(), 4U);
    BOOST_CHECK_EQUAL(card->counts().commands, 2U);
    BOOST_CHECK_THROW(insert_card(reader_name, make_card()), std::logic_error);
    BOOST_CHECK_THROW(remove_card("nowhere"), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
