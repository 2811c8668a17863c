// The pcscd side: readers, handles, events. All under one mutex, which the caller of each function holds.
#pragma once

#include "fake_pcsc.hpp"

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace jpki::fake::detail {

using Lock = std::unique_lock<std::mutex>;

// The other end of one context's socket.
struct Session {
    bool alive = true;  // false: pcscd has stopped
    bool cancellable = false, cancelled = false;
    std::vector<SCARDHANDLE> handles;
};

struct Handle {
    enum class Event { none, reset, removed } event = Event::none;  // the last event counts
    bool dead_connection = false;                                   // swap_unnoticed
    bool other = false;                                             // of the other program
};

struct Reader {
    std::string name;
    bool plugged = true;
    Card card;
    bool mute = false;          // a card without a model
    std::size_t insertion = 0;  // changes at each insertion and removal; not visible through SCard*
    DWORD state = SCARD_ABSENT, protocol = SCARD_PROTOCOL_UNDEFINED;
    Bytes atr;
    bool powered = false;
    int contexts = 0;  // -1: exclusive
    SCARDHANDLE lock_handle = 0;
    int lock_count = 0;
    bool busy = false;  // a command is being processed
    std::map<SCARDHANDLE, Handle> handles;
    std::optional<PinPad> pad;
    std::deque<PinEntry> entries;
    std::vector<PinPadRequest> requests;
    LONG removal_answer = SCARD_W_REMOVED_CARD;
    std::optional<std::size_t> reset_at;
    bool resets_late = false;  // at the next transaction of ours: see other_is_killed_in_transaction()
    std::chrono::milliseconds delay{0};

    bool present() const { return card || mute; }
    bool exclusive() const { return contexts == -1; }
};
using ReaderPtr = std::shared_ptr<Reader>;

struct Failure {
    std::size_t pass = 0, times = 0;
    LONG code = SCARD_S_SUCCESS;
};

constexpr std::size_t places = 2 * PCSCLITE_MAX_READERS_CONTEXTS;
constexpr std::size_t functions = static_cast<std::size_t>(Function::count_);
constexpr std::size_t index(Function f) { return static_cast<std::size_t>(f); }

class Service {
public:
    // Never destroyed: an exit handler may finalise a module after the destruction of our static objects.
    static Service& instance();

    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t changes = 0;
    void note_change();
    // Blocks inside `function` until something changed since `seen`, or the session ended.
    void wait_change(Lock&, Function function, std::uint64_t seen, const Session&);

    bool running = true;
    std::size_t readers_max = PCSCLITE_MAX_READERS_CONTEXTS;
    bool checks_names = true;            // SCardGetStatusChange
    std::size_t control_overstated = 0;  // bytes
    std::array<ReaderPtr, places> readers;
    std::array<std::uint16_t, places> counters{};
    std::vector<std::shared_ptr<Session>> sessions;  // valid ones, of ours
    std::shared_ptr<Session> other = std::make_shared<Session>();
    std::array<std::size_t, functions> call_counts{}, blocked{};
    std::array<std::deque<Failure>, functions> failures;
    std::function<void(const std::string&, ByteView)> transmit_hook;
    std::function<void()> wait_hook;
    unsigned hurry = 1;
    std::function<void(Function)> call_hook;
    std::function<std::optional<Bytes>(const std::string&, ByteView)> answer_hook;

    // service.cpp: the service itself, contexts, readers
    void start();
    void stop();
    std::shared_ptr<Session> establish();
    LONG release(Session&);
    ReaderPtr find(const std::string& name) const;  // null: unknown
    ReaderPtr need(const std::string& name) const;  // throws
    std::size_t place_of(const Reader&) const;
    void plug(const std::string& name, Card);
    void unplug(const ReaderPtr&);

    // service_cards.cpp: cards and their power
    void insert(Reader&, Card, bool mute);
    void remove(Reader&);
    void start_reader(Reader&);
    void stop_reader(Reader&);
    bool power_up(Reader&);
    LONG power_cycle(Reader&, DWORD how);  // SCARD_RESET_CARD or SCARD_UNPOWER_CARD
    void set_event(Reader&, Handle::Event);

    // service_handles.cpp: the service's side of the SCard* functions of the same name
    LONG connect(Lock&, Session&, const std::string& name, DWORD share, DWORD protocols, SCARDHANDLE&, DWORD& protocol);
    LONG reconnect(Session&, SCARDHANDLE, DWORD share, DWORD protocols, DWORD initialization, DWORD& protocol);
    LONG disconnect(Lock&, Session&, SCARDHANDLE, DWORD disposition);
    LONG begin(Session&, SCARDHANDLE);
    LONG end(Session&, SCARDHANDLE, DWORD disposition);
    LONG status(Session&, SCARDHANDLE);
    LONG get_attrib(Session&, SCARDHANDLE, DWORD id, Bytes& value);

    // service_exchange.cpp, reader_pad.cpp: these release the mutex during a command
    LONG transmit(Lock&, Session&, SCARDHANDLE, DWORD protocol, ByteView command, Bytes& answer);
    LONG control(Lock&, Session&, SCARDHANDLE, DWORD code, ByteView input, Bytes& output);

    ReaderPtr reader_of(SCARDHANDLE) const;  // null: the reader was unplugged

private:
    LONG choose_protocol(Reader&, DWORD protocols);
    LONG exchange(Lock&, Session&, const ReaderPtr&, SCARDHANDLE, bool check_events, ByteView command, Bytes& answer);
    LONG pad_request(Lock&, Session&, const ReaderPtr&, SCARDHANDLE, PinPadRequest, Bytes& output);

    SCARDHANDLE next_handle_ = 0x1000001;
};

LONG event_code(const Reader&, SCARDHANDLE);  // 0, SCARD_W_RESET_CARD, SCARD_W_REMOVED_CARD
inline bool locked_for(const Reader& r, SCARDHANDLE h) { return r.lock_handle != 0 && r.lock_handle != h; }
LONG unlock(Reader&, SCARDHANDLE);
DWORD protocols_of(const Bytes& atr);  // atr.cpp

}  // namespace jpki::fake::detail
