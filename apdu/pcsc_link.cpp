#include "apdu/pcsc_link.hpp"

#include "apdu/card_clock.hpp"
#include "apdu/errors.hpp"
#include "apdu/fork_deferral.hpp"
#include "apdu/patience.hpp"
#include "apdu/pcsc_codes.hpp"

#include <algorithm>
#include <new>
#include <reader.h>
#include <system_error>
#include <utility>

namespace jpki {

namespace {

using Clock = CardClock;

// Of other programs' transactions (wait_until_free).
constexpr std::chrono::microseconds just_ended{1000};
constexpr std::chrono::milliseconds quiet{20};
constexpr std::chrono::milliseconds short_transactions{100};
constexpr std::chrono::milliseconds memory_of_others{2000};

LONG ask_about_card(SCARDHANDLE card, DWORD& state) {
    const ForkDeferral no_fork_meanwhile;
    DWORD name_size = 0, protocol = 0, atr_size = 0;
    return SCardStatus(card, nullptr, &name_size, &state, &protocol, nullptr, &atr_size);
}

}  // namespace

PcscLink::PcscLink(Log& log, const std::string& reader, std::chrono::milliseconds patience)
    : Link(log), reader_(reader), patience_(patience), may_create_threads_(false) {
    const auto status = context_.status({reader});
    if (!status) throw CardRemoved("cannot reach the PC/SC resource manager (pcscd)");
    events_ = status->front().events;
    connect();
}

PcscLink::PcscLink(Log& log, const std::string& reader, std::chrono::milliseconds patience, std::uint16_t stay,
                   bool may_create_threads)
    : Link(log), reader_(reader), events_(stay), patience_(patience), may_create_threads_(may_create_threads) {}

PcscLink::~PcscLink() { let_go(); }

void PcscLink::let_go() noexcept {
    // The card is left unchanged: whether its logins end was decided, and done, before.
    // While the process ends, the destructor of libpcsclite 2 may have freed its list of contexts, which then knows no handle,
    // and in which SCardReleaseContext would search.
    if (connected_ && SCardDisconnect(card_, SCARD_LEAVE_CARD) == SCARD_E_INVALID_HANDLE) context_.abandon();
    connected_ = false;
    context_.close();
}

// Without a transaction pcscd obeys this function all the same, and then answers SCARD_E_NOT_TRANSACTED. It refuses it after a
// removal or a reset of the card, and during another program's transaction; SCardDisconnect would wait, and look at neither.
void PcscLink::power_off() noexcept {
    if (connected_) SCardEndTransaction(card_, SCARD_UNPOWER_CARD);
}

void PcscLink::let_go_for_good() noexcept {
    removed_ = true;
    let_go();
}

LONG PcscLink::connect_now() {
    return SCardConnect(context_.get(), reader_.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card_,
                        &protocol_);
}

// Waits for the thread's connection. pcscd answers requests about readers during another program's transaction, too.
bool PcscLink::connected_by(Clock::time_point deadline) {
    if (waits_) return connecting_->wait_until(deadline);
    for (int answers = 0; answers < answers_meanwhile; ++answers) {
        const auto now = Clock::now();
        if (connecting_->wait_until(std::min(now + answers_pause, deadline))) return true;
        if (now >= deadline || !context_.status({reader_})) break;
    }
    return false;
}

LONG PcscLink::connect_in_thread() {
    const auto deadline = Clock::now() + patience_;
    for (;;) {
        try {
            if (!connecting_) connecting_ = std::make_unique<PcscConnecting>(reader_);
        } catch (const std::system_error&) {
            return connect_now();
        }
        if (!connected_by(deadline) && !connecting_->stop_waiting())
            throw CardBusy("another program holds a transaction on the card");
        PcscConnecting::Result result = connecting_->take();
        connecting_.reset();
        if (result.rc == SCARD_E_TIMEOUT) continue;  // an earlier one, that came without a waiting caller
        if (result.rc == SCARD_S_SUCCESS) {
            context_ = std::move(result.context);
            card_ = result.card;
            protocol_ = result.protocol;
        }
        return result.rc;
    }
}

// One attempt. False: another program has the reader exclusively.
bool PcscLink::try_to_connect(const ReaderStatus& status) {
    held_exclusively_ = status.exclusive;
    if (status.exclusive) return false;
    // Only a connected program can be in a transaction.
    const LONG rc = connecting_ || (may_create_threads_ && status.in_use) ? connect_in_thread() : connect_now();
    held_exclusively_ = rc == SCARD_E_SHARING_VIOLATION;
    if (held_exclusively_) return false;
    // Not another program's reset, as it would be inside a transaction: a card that does not power on or answer.
    if (means_reset(rc)) throw TransportFault("SCardConnect: PC/SC error " + code_text(rc));
    if (rc != SCARD_S_SUCCESS) fail(rc, "SCardConnect");
    connected_ = true;
    // Another program may have done anything with the card in between; it may have been powered off.
    reset_unreported_ = std::exchange(connected_before_, true);
    return true;
}

void PcscLink::connect() {
    if (connected_) return;
    if (removed_) throw CardRemoved("card removed from the reader");
    // After one wait without success, an exclusive holder is checked for, without waiting, until it has ended.
    const auto wait = waits_ && !held_exclusively_ ? std::min(exclusive_patience, patience_) : std::chrono::milliseconds(0);
    const auto deadline = Clock::now() + wait;
    for (;;) {
        const auto status = context_.status({reader_});
        if (!status) throw CardRemoved("cannot reach the PC/SC resource manager (pcscd)");
        if (!status->front().card_present || status->front().events != events_) throw CardRemoved("card removed from the reader");
        if (try_to_connect(status->front())) break;
        if (Clock::now() >= deadline) throw CardBusy("reader is opened exclusively by another program");
        pause_between_polls();
    }
    // The card may have been replaced just before the connection was made.
    if (!same_stay()) throw CardRemoved("card replaced by another one");
}

void PcscLink::fail(LONG rc, const char* where) {
    const std::string text = std::string(where) + ": PC/SC error " + code_text(rc);
    if (means_removed(rc)) throw CardRemoved(text);
    if (rc == SCARD_E_SHARING_VIOLATION) throw CardBusy(text);
    // Still the same card, and the next transaction notices: only the running command is lost.
    if (means_reset(rc)) throw CardReset(text);
    throw TransportFault(text);
}

// SCardGetAttrib checks the connection first, does not wait for another program's transaction, and sends
// nothing to the card. The attribute does not matter; a driver answers this one from its memory.
LONG PcscLink::ask_about_connection() noexcept {
    std::uint8_t vendor[256];
    DWORD size = sizeof vendor;
    return SCardGetAttrib(card_, SCARD_ATTR_VENDOR_NAME, vendor, &size);
}

// SCardBeginTransaction of pcsc-lite waits without a bound; a sharing violation shows when it would. But between the check and
// the transaction another program may begin one, and the wait then lasts as long as that one and those that follow it. A program
// with many short transactions begins the next one at the earliest some time after the last one ended: if one was met recently, a
// transaction is begun at that moment, or after a quiet period, and not in between.
void PcscLink::wait_until_free() {
    const auto deadline = Clock::now() + (waits_ ? patience_ : std::chrono::milliseconds(0));
    constexpr auto never = Clock::time_point::max();
    auto busy_since = never, last_busy = never, quiet_since = never;
    for (;;) {
        const auto asked = Clock::now();
        const LONG rc = ask_about_connection();
        if (rc == SCARD_E_SHARING_VIOLATION) {
            if (asked >= deadline) throw CardBusy("another program keeps the card busy with transactions");
            met_another_ = last_busy = asked;
            busy_since = std::min(busy_since, asked);
            quiet_since = never;
        } else {
            const bool trouble = means_removed(rc) || means_reset(rc);  // SCardBeginTransaction reports it
            if (trouble || !met_another_ || asked - *met_another_ > memory_of_others) return;
            if (last_busy != never && Clock::now() - last_busy <= just_ended) return;
            quiet_since = std::min(quiet_since, asked);
            if (asked - quiet_since >= quiet) return;
        }
        if (busy_since != never && asked - busy_since > short_transactions) pause_between_polls();
        else Clock::sleep_for(just_ended / 5);
    }
}

LONG PcscLink::reconnect_now(DWORD initialization) {
    return SCardReconnect(card_, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, initialization, &protocol_);
}

void PcscLink::reconnect() {
    const LONG rc = reconnect_now(SCARD_LEAVE_CARD);
    if (rc != SCARD_S_SUCCESS) fail(rc, "SCardReconnect");
    if (same_stay()) return;
    // pcscd remembers one event per handle, and this has cleared that of a removal: the handle is one to the next card now.
    let_go_for_good();
    throw CardRemoved("card replaced by another one and reset");
}

// Another program may have disconnected with SCARD_UNPOWER_CARD. pcsc-lite then reports a reset, leaves the card without power,
// and powers it on again at an SCardConnect or on request, but not for SCardReconnect with SCARD_LEAVE_CARD. In a
// transaction: this cannot end another program's login. A card that has power again by now may have lost it nevertheless:
// pcsc-lite does not report it.
void PcscLink::power_up() {
    DWORD state = 0;
    const LONG rc = ask_about_card(card_, state);
    if (rc != SCARD_S_SUCCESS || (state & SCARD_POWERED) || !(state & SCARD_PRESENT)) return;  // the next command reports errors
    lost_power_ = true;
    reconnect_now(SCARD_UNPOWER_CARD);
}

// Whether the reader still has the card of this connection.
bool PcscLink::same_stay() {
    const auto status = context_.status({reader_});
    return status && status->front().card_present && status->front().events == events_;
}

// For begin(): until it has returned nobody ends the transaction.
bool PcscLink::same_stay_in_transaction() {
    try {
        return same_stay();
    } catch (...) {
        SCardEndTransaction(card_, SCARD_LEAVE_CARD);
        throw;
    }
}

bool PcscLink::alive() noexcept { return !removed_ && (!connected_ || !means_removed(ask_about_connection())); }

// A card removed during a command is first of all a failed command; the resource manager polls
// every 400 ms (pcsc-lite) and detects it later.
void PcscLink::wait_for_news_of_removal(LONG rc) {
    const auto deadline = Clock::now() + std::min(removal_notice(), patience_);
    do {
        if (!same_stay()) throw CardRemoved("SCardTransmit: PC/SC error " + code_text(rc) + "; card removed");
        pause_between_polls();
    } while (Clock::now() < deadline);
}

bool PcscLink::begin() {
    if (!connected_) connect();
    // Another program may reset the card again just after the reconnect; three times in a row is a fault.
    for (int attempt = 0; attempt < 3; ++attempt) {
        wait_until_free();
        const LONG rc = SCardBeginTransaction(card_);
        if (rc == SCARD_S_SUCCESS) {
            // pcsc-lite remembers one event per handle: after a swap and a reset of the new card it reports only the reset.
            if (reset_unreported_ && !same_stay_in_transaction()) {
                SCardEndTransaction(card_, SCARD_LEAVE_CARD);
                throw CardRemoved("card replaced by another one and reset");
            }
            if (reset_unreported_) power_up();
            only_reset_ = std::exchange(reset_unreported_, false);
            return only_reset_;
        }
        if (!means_reset(rc)) fail(rc, "SCardBeginTransaction");
        reset_unreported_ = true;  // pcscd reports it once, and the next attempt may fail
        if (rc == SCARD_W_UNPOWERED_CARD) lost_power_ = true;
        wait_until_free();
        reconnect();
    }
    throw CardBusy("other programs reset the card three times in a row");
}

void PcscLink::end(bool power_off) noexcept {
    const DWORD disposition = power_off ? SCARD_UNPOWER_CARD : SCARD_LEAVE_CARD;
    lost_power_ = false;
    LONG rc = SCardEndTransaction(card_, disposition);
    const bool was_reset = means_reset(rc);
    for (int attempt = 0; attempt < 3 && means_reset(rc); ++attempt) {
        // pcscd reported a reset instead of ending the transaction.
        reset_unreported_ = true;
        rc = end_after_reset(disposition);
    }
    // Where the transaction has not ended, as for a removed card, only the end of the connection ends it: programs would wait in
    // SCardConnect, for the next card too.
    if (!means_removed(rc) && (!was_reset || rc == SCARD_S_SUCCESS)) return;
    let_go_for_good();
}

LONG PcscLink::end_after_reset(DWORD disposition) noexcept {
    try {
        // pcsc-lite remembers one event per handle. Another program's card would be powered off.
        if (!same_stay()) return SCARD_W_REMOVED_CARD;
    } catch (const std::bad_alloc&) {
        return SCARD_E_NO_MEMORY;
    }
    const LONG rc = reconnect_now(SCARD_LEAVE_CARD);
    return rc == SCARD_S_SUCCESS ? SCardEndTransaction(card_, disposition) : rc;
}

LONG PcscLink::transmit(ByteView command, std::span<std::uint8_t> answer, DWORD& size) {
    const SCARD_IO_REQUEST* request = protocol_ == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    size = static_cast<DWORD>(answer.size());
    return SCardTransmit(card_, request, command.data(), static_cast<DWORD>(command.size()), nullptr, answer.data(), &size);
}

std::size_t PcscLink::exchange(ByteView command, std::span<std::uint8_t> answer) {
    DWORD size = 0;
    LONG rc = transmit(command, answer, size);
    const bool card_is_as_reported = std::exchange(only_reset_, false);
    // When a process is killed in a transaction, pcscd reports a reset, gives the card free, and only then resets it and forgets
    // its protocol: our transaction can have begun by then. It rejects this command; the card has not received it.
    if (rc == SCARD_E_PROTO_MISMATCH && (card_is_as_reported || recognised_)) {
        reconnect();
        if (!card_is_as_reported) {
            reset_unreported_ = true;
            throw CardReset("SCardTransmit: PC/SC error " + code_text(rc) + "; card reset");
        }
        rc = transmit(command, answer, size);
    }
    // A reset inside our own transaction is not another program's: the card lost power. Nothing is repeated.
    // Some drivers (vpcd) return an empty answer for a card that was removed.
    const bool no_answer = rc == SCARD_S_SUCCESS ? size == 0 : !means_removed(rc) && !means_reset(rc);
    // Before a card is recognised an empty answer means nothing: storage cards answer a SELECT so (apdu/README.md, Recognition),
    // and waiting for an event would cost their users half a second each time.
    if (no_answer && recognised_) wait_for_news_of_removal(rc);
    if (rc != SCARD_S_SUCCESS) fail(rc, "SCardTransmit");
    if (size > answer.size()) throw TransportFault("SCardTransmit: answer longer than the buffer");
    return static_cast<std::size_t>(size);
}

std::size_t PcscLink::control(DWORD code, ByteView input, std::span<std::uint8_t> output, LONG& rc) noexcept {
    DWORD size = 0;
    rc = SCardControl(card_, code, input.data(), static_cast<DWORD>(input.size()), output.data(),
                      static_cast<DWORD>(output.size()), &size);
    return rc == SCARD_S_SUCCESS && size <= output.size() ? static_cast<std::size_t>(size) : 0;
}

}  // namespace jpki
