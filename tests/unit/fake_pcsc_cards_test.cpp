// The fake of PC/SC: insertion and removal of cards, and their effect on handles and waits.
#include "fake_pcsc_fixture.hpp"

using namespace jpki::fake;
using namespace jpki::fake::test;
using namespace std::chrono_literals;
using Kind = jpki::model::Fault::Kind;

namespace {

const std::string pnp = "\\\\?PnP?\\Notification";

struct Waiting : Fixture {
    // dwEventState of our reader, for a caller without a known state.
    DWORD look() const {
        SCARD_READERSTATE state{};
        state.szReader = reader_name.c_str();
        REQUIRE_RC(SCardGetStatusChange(context, 0, &state, 1), SCARD_S_SUCCESS);
        return state.dwEventState;
    }
    LONG wait(const std::string& name, DWORD known, DWORD timeout = INFINITE) const {
        SCARD_READERSTATE state{};
        state.szReader = name.c_str();
        state.dwCurrentState = known;
        return SCardGetStatusChange(context, timeout, &state, 1);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cards, Waiting)

BOOST_AUTO_TEST_CASE(handle_is_invalid_after_removal) {
    const SCARDHANDLE handle = connect();
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    swap_card(reader_name, make_card());
    BOOST_CHECK_EQUAL(events(reader_name), 3U);
    CHECK_RC(transmit(handle, tries_left), SCARD_W_REMOVED_CARD);
    CHECK_RC(get_atr(handle), SCARD_W_REMOVED_CARD);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_W_REMOVED_CARD);
    CHECK_RC(SCardBeginTransaction(handle), SCARD_W_REMOVED_CARD);
    BOOST_CHECK_EQUAL(open_now().transactions, 0U);
    CHECK_RC(SCardDisconnect(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
}

BOOST_AUTO_TEST_CASE(reset_by_another_program_hides_removal) {
    // As in pcsc-lite: an event replaces the one before it, and reconnecting clears either.
    const SCARDHANDLE handle = connect();
    const Card second = make_card();
    swap_card(reader_name, second);
    BOOST_CHECK(other_resets(reader_name));
    CHECK_RC(SCardBeginTransaction(handle), SCARD_W_RESET_CARD);
    CHECK_RC(reconnect(handle), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    BOOST_CHECK(second->application_selected());
}

BOOST_AUTO_TEST_CASE(unplugged_reader_leaves_only_invalid_handles) {
    const SCARDHANDLE handle = connect();
    const DWORD before = look();
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    remove_reader(reader_name);
    CHECK_RC(transmit(handle, tries_left), SCARD_E_INVALID_VALUE);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_E_INVALID_VALUE);
    CHECK_RC(SCardStatus(handle, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr), SCARD_E_READER_UNAVAILABLE);
    CHECK_RC(wait(reader_name, SCARD_STATE_UNAWARE, 0), SCARD_E_UNKNOWN_READER);
    add_reader(reader_name, make_card());
    // Plugged again with another card: the counter shows no change.
    BOOST_CHECK_EQUAL(look() >> 16, before >> 16);
    CHECK_RC(SCardStatus(handle, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr), SCARD_E_INVALID_VALUE);
    CHECK_RC(SCardDisconnect(handle, SCARD_RESET_CARD), SCARD_S_SUCCESS);
}

BOOST_AUTO_TEST_CASE(unnoticed_swap_fails_one_transmit_and_then_reaches_new_card) {
    const SCARDHANDLE handle = connect();
    const Card second = make_card();
    swap_unnoticed(reader_name, second);
    BOOST_CHECK_EQUAL(events(reader_name), 1U);
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    CHECK_RC(transmit(handle, tries_left), SCARD_E_NOT_TRANSACTED);
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    BOOST_CHECK(second->application_selected());
}

BOOST_AUTO_TEST_CASE(removal_during_command_is_reported) {
    SCARDHANDLE handle = connect();
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    inject(reader_name, {Kind::card_gone_after, 1});
    BOOST_CHECK_EQUAL(status_of(handle, tries_left), 0x63C3);
    CHECK_RC(transmit(handle, right_pin), SCARD_W_REMOVED_CARD);
    BOOST_CHECK_EQUAL(card->counts().verify[0], 1U);
    BOOST_CHECK_EQUAL(events(reader_name), 2U);
    BOOST_CHECK(look() & SCARD_STATE_EMPTY);

    insert_card(reader_name, card);
    removal_answers(reader_name, SCARD_E_NOT_TRANSACTED);
    on_transmit([](const std::string& name, ByteView) { jpki::fake::remove_card(name); });
    handle = connect();
    CHECK_RC(transmit(handle, tries_left), SCARD_E_NOT_TRANSACTED);
    CHECK_RC(transmit(handle, tries_left), SCARD_W_REMOVED_CARD);
    BOOST_CHECK_EQUAL(events(reader_name), 4U);
    on_transmit(nullptr);

    // A long command ends with its card.
    insert_card(reader_name, card);
    delay_commands(reader_name, 1h);
    handle = connect();
    std::thread hand;
    on_transmit([&](const std::string&, ByteView) { hand = std::thread([] { jpki::fake::remove_card(reader_name); }); });
    CHECK_RC(transmit(handle, tries_left), SCARD_E_NOT_TRANSACTED);
    hand.join();
}

BOOST_AUTO_TEST_CASE(reset_inside_transaction_keeps_other_programs_out) {
    const SCARDHANDLE handle = connect();
    CHECK_RC(SCardBeginTransaction(handle), SCARD_S_SUCCESS);
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    inject(reader_name, {Kind::reset, 1});
    BOOST_CHECK_EQUAL(status_of(handle, tries_left), 0x63C3);
    CHECK_RC(transmit(handle, tries_left), SCARD_W_RESET_CARD);
    BOOST_CHECK(!card->application_selected());
    // As in pcsc-lite: the end of the transaction fails because of the event, and the lock stays.
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_W_RESET_CARD);
    BOOST_CHECK(!other_begins_transaction(reader_name));
    CHECK_RC(reconnect(handle), SCARD_S_SUCCESS);
    CHECK_RC(SCardEndTransaction(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    BOOST_CHECK(other_begins_transaction(reader_name));
}

BOOST_AUTO_TEST_CASE(status_with_zero_timeout_does_not_wait) {
    BOOST_CHECK_EQUAL(look(), (1U << 16) | SCARD_STATE_PRESENT | SCARD_STATE_CHANGED);
    const SCARDHANDLE handle = connect();
    const DWORD in_use = look();
    BOOST_CHECK(in_use & SCARD_STATE_INUSE);
    CHECK_RC(wait(reader_name, in_use, 0), SCARD_E_TIMEOUT);
    CHECK_RC(SCardDisconnect(handle, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
    CHECK_RC(wait(reader_name, in_use, 0), SCARD_S_SUCCESS);
    swap_card(reader_name, card);
    CHECK_RC(wait(reader_name, (1U << 16) | SCARD_STATE_PRESENT, 0), SCARD_S_SUCCESS);
    // A counter of 0 is not compared.
    CHECK_RC(wait(reader_name, SCARD_STATE_PRESENT, 0), SCARD_E_TIMEOUT);
    remove_card(reader_name);
    insert_mute_card(reader_name);
    BOOST_CHECK(look() & SCARD_STATE_MUTE);
    CHECK_RC(wait("nowhere", 0, 0), SCARD_E_UNKNOWN_READER);
    CHECK_RC(wait(pnp, 0, 0), SCARD_E_TIMEOUT);
    CHECK_RC(wait("nowhere", SCARD_STATE_IGNORE, 0), SCARD_S_SUCCESS);
    std::array<SCARD_READERSTATE, 17> many{};
    CHECK_RC(SCardGetStatusChange(context, 0, many.data(), many.size()), SCARD_E_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(waits_end_on_change) {
    const auto waits_for = [&](const std::string& name, DWORD known, const std::function<void()>& event) {
        LONG rc = -1;
        std::thread waiting([&] { rc = wait(name, known); });
        BOOST_CHECK(wait_until_blocked(Function::get_status_change));
        event();
        waiting.join();
        return rc;
    };
    CHECK_RC(waits_for(reader_name, SCARD_STATE_PRESENT, [] { jpki::fake::remove_card(reader_name); }), SCARD_S_SUCCESS);
    CHECK_RC(waits_for(reader_name, SCARD_STATE_EMPTY, [&] { insert_card(reader_name, card); }), SCARD_S_SUCCESS);
    CHECK_RC(waits_for(pnp, 0, [] { add_reader("Second 01 00"); }), SCARD_S_SUCCESS);
    CHECK_RC(waits_for(pnp, 0, [] { remove_reader("Second 01 00"); }), SCARD_S_SUCCESS);
    CHECK_RC(waits_for(reader_name, SCARD_STATE_PRESENT, [] { remove_reader(reader_name); }), SCARD_S_SUCCESS);
    add_reader(reader_name, card);
    CHECK_RC(waits_for(reader_name, SCARD_STATE_PRESENT, [&] { CHECK_RC(SCardCancel(context), SCARD_S_SUCCESS); }),
             SCARD_E_CANCELLED);
    CHECK_RC(waits_for(reader_name, SCARD_STATE_PRESENT, [] { stop_service(); }), SCARD_F_COMM_ERROR);
}

BOOST_AUTO_TEST_CASE(cancel_before_wait_has_no_effect) {
    LONG rc = -1;
    on_wait([&] { std::thread([&] { rc = SCardCancel(context); }).join(); });
    CHECK_RC(wait(reader_name, SCARD_STATE_PRESENT, 2), SCARD_E_TIMEOUT);
    CHECK_RC(rc, SCARD_S_SUCCESS);
}

BOOST_AUTO_TEST_SUITE_END()
