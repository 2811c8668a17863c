// The state behind the fake of SCard*: readers, cards, the service, another program, and faults.
// Behaves like pcsc-lite 1.9.9, also where that is unexpected; see README.md in this directory.
// Everything here is thread-safe and may be called from hooks. Unknown names of readers, and
// impossible commands (a second card into a full reader), throw std::logic_error: the test is wrong then.
#pragma once

#include "pin_pad.hpp"

#include "card_model.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <winscard.h>

namespace jpki::fake {

using model::Bytes;
using model::ByteView;
using Card = std::shared_ptr<model::CardModel>;

// Resets to a running service without readers, hooks or counts. Open contexts answer as after a stop of the service.
void reset_everything();

// Readers. A reader takes the lowest free index, and the event counter belongs to the index: it counts insertions and
// removals only; unplugging and plugging a reader, with any card, does not change it.
void add_reader(const std::string& reader, Card card = {});
void remove_reader(const std::string& reader);
// As many readers, and names in a call of SCardGetStatusChange, as 16 or 32: pcsc-lite 2.5 has no limit.
void allow_readers(std::size_t count);
// SCardGetStatusChange answers SCARD_STATE_UNKNOWN for a reader that does not exist, as for one that is unplugged during the
// call, and not SCARD_E_UNKNOWN_READER.
void check_no_names();

// Cards. Each counts one event, a swap two.
void insert_card(const std::string& reader, Card card);
void insert_mute_card(const std::string& reader);  // a card that does not answer to reset
void remove_card(const std::string& reader);
void swap_card(const std::string& reader, Card card);
// The service does not notice: no event, handles stay valid. The next transmit of a handle that is open now fails with
// SCARD_E_NOT_TRANSACTED (a closed socket to a virtual card), later ones reach the new card.
void swap_unnoticed(const std::string& reader, Card card);
// As pcscd some seconds after the last handle was closed: the card loses power, and no program is notified.
// Does nothing while a handle is open.
void power_down_idle(const std::string& reader);

// The service. While it is stopped the cards have no power. Counters restart at 0.
void stop_service();
void start_service();

// One other program, with at most one handle to each reader. All of these return at once, or wait at most `patience`.
using Patience = std::chrono::milliseconds;
bool other_begins_transaction(const std::string& reader, Patience patience = Patience{0});  // false: failed
void other_ends_transaction(const std::string& reader, DWORD disposition = SCARD_LEAVE_CARD);
bool other_opens_exclusively(const std::string& reader);
void other_closes(const std::string& reader, DWORD disposition = SCARD_LEAVE_CARD);
// False while we hold a transaction: pcscd makes it wait then.
bool other_resets(const std::string& reader, DWORD how = SCARD_RESET_CARD, Patience patience = Patience{0});
struct OtherFailed : std::runtime_error {
    explicit OtherFailed(LONG rc);
    LONG code;
};
// The process ends in its transaction. pcscd reports a reset at once, and resets the card a moment later: when our next
// transaction has begun.
void other_is_killed_in_transaction(const std::string& reader);
// Raw APDUs on a shared connection, as another process sends them; opened if needed. Throws OtherFailed.
Bytes other_transmit(const std::string& reader, ByteView apdu, Patience patience = Patience{0});

// Faults.
enum class Function {
    establish_context,
    release_context,
    is_valid_context,
    connect,
    reconnect,
    disconnect,
    begin_transaction,
    end_transaction,
    status,
    get_status_change,
    cancel,
    transmit,
    control,
    list_readers,
    list_reader_groups,
    free_memory,
    get_attrib,
    set_attrib,
    count_
};
// After `pass` more calls, `times` calls answer `code` and do nothing.
void fail(Function function, LONG code, std::size_t times = 1, std::size_t pass = 0);
// Like CardModel::inject, with PC/SC events: Kind::reset acts as another program's reset during our transaction
// (a race in pcscd makes that possible): SCARD_W_RESET_CARD, the card does not carry out the command. (The same kind injected
// into the model itself is a card that lost its selection without an event.) card_gone* become removals in both cases.
void inject(const std::string& reader, model::Fault fault);
// The code for a command during which the card is removed. Default SCARD_W_REMOVED_CARD; drivers of readers also
// return SCARD_E_NO_SMARTCARD (CCID) and SCARD_E_NOT_TRANSACTED (vpcd).
void removal_answers(const std::string& reader, LONG code);
// Every command of ours takes this long, or until the card is removed.
void delay_commands(const std::string& reader, std::chrono::milliseconds delay);
// The time limits of SCardGetStatusChange pass so many times faster.
void hurry_waits(unsigned times);

// Hooks, in the thread that called SCard*. They may call anything in this header, but SCard* only in another thread
// (libpcsclite's locks are held, as in reality). An empty function removes a hook.
void on_transmit(std::function<void(const std::string& reader, ByteView command)> hook);  // before the card gets it
void on_wait(std::function<void()> hook);  // in SCardGetStatusChange, before it can be cancelled
// At the start of every SCard* function, before it takes a lock: a test can make two threads meet.
void on_call(std::function<void(Function)> hook);
// Answers in place of the card, which then does not get the command: for what no knob of the model can do. No value: the card
// answers.
void on_answer(std::function<std::optional<Bytes>(const std::string& reader, ByteView command)> hook);

// For tests.
std::size_t calls(Function function);
std::size_t calls();  // of all functions
void reset_calls();
struct Open {
    std::size_t contexts = 0, handles = 0, transactions = 0;  // ours; nested transactions count each
    bool operator==(const Open&) const = default;
};
Open open_now();
std::size_t events(const std::string& reader);  // the event counter
// Waits until `n` threads are blocked inside `function`. False after a timeout.
bool wait_until_blocked(Function function, std::size_t n = 1, std::chrono::milliseconds patience = std::chrono::seconds{5});

// PIN pad (PC/SC part 10).
void give_pad(const std::string& reader, PinPad pad);
void take_pad(const std::string& reader);
// SCardControl reports so many bytes more than it has written: a pcscd in error.
void overstate_control(std::size_t by);
// What the user does at the next request. Without an entry left: a timeout.
void user_will(const std::string& reader, PinEntry entry);
std::vector<PinPadRequest> pad_requests(const std::string& reader);

}  // namespace jpki::fake
