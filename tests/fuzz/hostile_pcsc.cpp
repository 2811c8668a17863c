#include "hostile_pcsc.hpp"

#include <cstring>
#include <map>
#include <mutex>
#include <winscard.h>

namespace {

using jpki::model::Bytes;
using jpki::model::CardModel;

struct Connection {
    unsigned stay;           // in which it was made
    bool reset_due = false;  // event not reported yet
};
struct World {
    std::mutex mutex;
    std::shared_ptr<CardModel> card;
    jpki::fuzz::Mutation mutation;
    unsigned events = 2;
    bool running = true;
    bool gone = false;
    std::map<SCARDHANDLE, Connection> connections;
    SCARDHANDLE last_handle = 0;
    unsigned calls_before_trouble = 0, times_of_trouble = 0;
    LONG trouble = SCARD_S_SUCCESS;
};
World& world() {
    static World* const w = new World;
    return *w;
}

constexpr char reader[] = "Fuzz 00 00";

// The state of this connection before a function does anything.
LONG state_of(SCARDHANDLE handle) {
    World& w = world();
    if (!w.running) return SCARD_E_NO_SERVICE;
    const auto found = w.connections.find(handle);
    if (found == w.connections.end()) return SCARD_E_INVALID_HANDLE;
    if (w.gone || found->second.stay != w.events) return SCARD_W_REMOVED_CARD;
    return found->second.reset_due ? SCARD_W_RESET_CARD : SCARD_S_SUCCESS;
}

LONG trouble_now() {
    World& w = world();
    if (w.times_of_trouble == 0) return SCARD_S_SUCCESS;
    if (w.calls_before_trouble > 0) {
        --w.calls_before_trouble;
        return SCARD_S_SUCCESS;
    }
    --w.times_of_trouble;
    return w.trouble;
}

LONG trouble_or_state_of(SCARDHANDLE handle) {
    const LONG rc = trouble_now();
    return rc != SCARD_S_SUCCESS ? rc : state_of(handle);
}

void tell_all_of_reset() {
    for (auto& [handle, connection] : world().connections) connection.reset_due = true;
}

}  // namespace

namespace jpki::fuzz {

void put_card(std::shared_ptr<CardModel> card, Mutation mutation) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    w.card = std::move(card);
    w.mutation = std::move(mutation);
    w.gone = false;
    w.running = true;
    w.times_of_trouble = 0;
    ++w.events;
}

void exchange_card(std::shared_ptr<CardModel> card) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    if (w.card) w.card->power_off();
    w.card = std::move(card);
    if (w.card) w.card->power_on();
    w.gone = false;
    ++w.events;
}

void bump_events() {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    w.events += 2;
    w.gone = false;
    if (!w.card) return;  // power off and on: no login stays
    w.card->power_off();
    w.card->power_on();
}

void set_service(bool running) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    if (w.running && !running) {  // stops with its connections and the cards' power
        w.connections.clear();
        if (w.card) w.card->power_off();
    }
    if (!w.running && running && w.card && !w.gone) w.card->power_on();
    w.running = running;
}

void reset_card() {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    if (w.card) w.card->other_program_resets();
    tell_all_of_reset();
}

void trouble_ahead(unsigned calls, unsigned times, long code) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    w.calls_before_trouble = calls;
    w.times_of_trouble = times;
    w.trouble = code;
}

}  // namespace jpki::fuzz

extern "C" {

const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};

LONG SCardEstablishContext(DWORD, LPCVOID, LPCVOID, LPSCARDCONTEXT context) {
    const std::scoped_lock lock(world().mutex);
    if (!world().running) return SCARD_E_NO_SERVICE;
    *context = 1;
    return SCARD_S_SUCCESS;
}
LONG SCardReleaseContext(SCARDCONTEXT) { return SCARD_S_SUCCESS; }
LONG SCardCancel(SCARDCONTEXT) { return SCARD_S_SUCCESS; }
LONG SCardListReaders(SCARDCONTEXT, LPCSTR, LPSTR readers, LPDWORD size) {
    const std::scoped_lock lock(world().mutex);
    if (!world().running) return SCARD_E_NO_SERVICE;
    if (readers) {
        if (*size < sizeof reader + 1) return SCARD_E_INSUFFICIENT_BUFFER;
        std::memcpy(readers, reader, sizeof reader);
        readers[sizeof reader] = '\0';
    }
    *size = sizeof reader + 1;
    return SCARD_S_SUCCESS;
}
LONG SCardGetStatusChange(SCARDCONTEXT, DWORD, SCARD_READERSTATE* states, DWORD count) {
    const std::scoped_lock lock(world().mutex);
    if (!world().running) return SCARD_E_NO_SERVICE;
    for (DWORD i = 0; i < count; ++i) {
        if (std::strcmp(states[i].szReader, reader) != 0) continue;
        const bool present = world().card && !world().gone;
        states[i].dwEventState = (static_cast<DWORD>(world().events & 0xFFFF) << 16) | SCARD_STATE_CHANGED |
                                 (present ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY);
    }
    return SCARD_S_SUCCESS;
}
LONG SCardConnect(SCARDCONTEXT, LPCSTR, DWORD, DWORD, LPSCARDHANDLE handle, LPDWORD protocol) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    if (!w.running) return SCARD_E_NO_SERVICE;
    if (const LONG rc = trouble_now(); rc != SCARD_S_SUCCESS) return rc;
    if (!w.card || w.gone) return SCARD_E_NO_SMARTCARD;
    *handle = ++w.last_handle;
    w.connections[*handle] = {w.events};
    *protocol = SCARD_PROTOCOL_T1;
    return SCARD_S_SUCCESS;
}
LONG SCardReconnect(SCARDHANDLE handle, DWORD, DWORD, DWORD, LPDWORD protocol) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    *protocol = SCARD_PROTOCOL_T1;
    const LONG rc = trouble_or_state_of(handle);
    if (rc != SCARD_W_RESET_CARD) return rc;
    if (const auto found = w.connections.find(handle); found != w.connections.end()) found->second.reset_due = false;
    return SCARD_S_SUCCESS;
}
LONG SCardDisconnect(SCARDHANDLE handle, DWORD) {
    const std::scoped_lock lock(world().mutex);
    world().connections.erase(handle);
    return SCARD_S_SUCCESS;
}
LONG SCardBeginTransaction(SCARDHANDLE handle) {
    const std::scoped_lock lock(world().mutex);
    return trouble_or_state_of(handle);
}
LONG SCardEndTransaction(SCARDHANDLE handle, DWORD disposition) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    if (const LONG rc = trouble_or_state_of(handle); rc != SCARD_S_SUCCESS) return rc;
    if (disposition == SCARD_UNPOWER_CARD && w.card) {
        w.card->power_off();
        w.card->power_on();
    }
    return SCARD_S_SUCCESS;
}
LONG SCardGetAttrib(SCARDHANDLE handle, DWORD, LPBYTE, LPDWORD size) {
    const std::scoped_lock lock(world().mutex);
    *size = 0;
    return trouble_or_state_of(handle);
}
LONG SCardStatus(SCARDHANDLE handle, LPSTR, LPDWORD, LPDWORD state, LPDWORD, LPBYTE, LPDWORD) {
    const std::scoped_lock lock(world().mutex);
    *state = SCARD_PRESENT | SCARD_POWERED;
    return trouble_or_state_of(handle);
}
LONG SCardControl(SCARDHANDLE, DWORD, LPCVOID, DWORD, LPVOID, DWORD, LPDWORD size) {
    *size = 0;
    return SCARD_E_UNSUPPORTED_FEATURE;
}
LONG SCardTransmit(SCARDHANDLE handle, const SCARD_IO_REQUEST*, LPCBYTE command, DWORD size, SCARD_IO_REQUEST*, LPBYTE answer,
                   LPDWORD answer_size) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    if (const LONG rc = state_of(handle); rc != SCARD_S_SUCCESS) return rc;
    try {
        const Bytes bytes = w.mutation(w.card->transmit({command, size}));
        if (bytes.size() > *answer_size) return SCARD_E_INSUFFICIENT_BUFFER;
        if (!bytes.empty()) std::memcpy(answer, bytes.data(), bytes.size());
        *answer_size = static_cast<DWORD>(bytes.size());
        return SCARD_S_SUCCESS;
    } catch (const CardModel::CardGone&) {
        w.card->power_off();
        w.gone = true;
        ++w.events;
        return SCARD_W_REMOVED_CARD;
    } catch (const jpki::fuzz::Trouble& trouble) {
        if (trouble.code == SCARD_W_RESET_CARD) {
            w.card->warm_reset();
            tell_all_of_reset();
        }
        return trouble.code;
    }
}

}  // extern "C"
