#include "hostile_pcsc.hpp"

#include <cstring>
#include <mutex>
#include <winscard.h>

namespace {

using jpki::model::Bytes;
using jpki::model::CardModel;

struct World {
    std::mutex mutex;
    std::shared_ptr<CardModel> card;
    jpki::fuzz::Mutation mutation;
    unsigned events = 2;
    bool running = true;
    bool gone = false;
    unsigned stay_of_handle[8] = {};
    unsigned next_handle = 0;
};
World& world() {
    static World* const w = new World;
    return *w;
}

constexpr char reader[] = "Fuzz 00 00";

// A handle names the stay in which it was made.
bool alive(SCARDHANDLE handle) {
    const World& w = world();
    return w.running && !w.gone && w.stay_of_handle[static_cast<unsigned long>(handle) % 8] == w.events;
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
    ++w.events;
}

void bump_events() {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    w.events += 2;
    w.gone = false;
}

void set_service(bool running) {
    const std::scoped_lock lock(world().mutex);
    world().running = running;
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
    if (!w.card || w.gone) return SCARD_E_NO_SMARTCARD;
    w.next_handle = (w.next_handle + 1) % 8;
    w.stay_of_handle[w.next_handle] = w.events;
    *handle = static_cast<SCARDHANDLE>(w.next_handle);
    *protocol = SCARD_PROTOCOL_T1;
    return SCARD_S_SUCCESS;
}
LONG SCardReconnect(SCARDHANDLE handle, DWORD, DWORD, DWORD, LPDWORD protocol) {
    const std::scoped_lock lock(world().mutex);
    *protocol = SCARD_PROTOCOL_T1;
    return alive(handle) ? SCARD_S_SUCCESS : SCARD_W_REMOVED_CARD;
}
LONG SCardDisconnect(SCARDHANDLE, DWORD) { return SCARD_S_SUCCESS; }
LONG SCardBeginTransaction(SCARDHANDLE handle) {
    const std::scoped_lock lock(world().mutex);
    return alive(handle) ? SCARD_S_SUCCESS : SCARD_W_REMOVED_CARD;
}
LONG SCardEndTransaction(SCARDHANDLE, DWORD disposition) {
    const std::scoped_lock lock(world().mutex);
    if (disposition == SCARD_UNPOWER_CARD && world().card) {
        world().card->power_off();
        world().card->power_on();
    }
    return SCARD_S_SUCCESS;
}
LONG SCardGetAttrib(SCARDHANDLE handle, DWORD, LPBYTE, LPDWORD size) {
    const std::scoped_lock lock(world().mutex);
    *size = 0;
    return alive(handle) ? SCARD_S_SUCCESS : SCARD_W_REMOVED_CARD;
}
LONG SCardStatus(SCARDHANDLE handle, LPSTR, LPDWORD, LPDWORD state, LPDWORD, LPBYTE, LPDWORD) {
    const std::scoped_lock lock(world().mutex);
    *state = SCARD_PRESENT | SCARD_POWERED;
    return alive(handle) ? SCARD_S_SUCCESS : SCARD_W_REMOVED_CARD;
}
LONG SCardControl(SCARDHANDLE, DWORD, LPCVOID, DWORD, LPVOID, DWORD, LPDWORD size) {
    *size = 0;
    return SCARD_E_UNSUPPORTED_FEATURE;
}
LONG SCardTransmit(SCARDHANDLE handle, const SCARD_IO_REQUEST*, LPCBYTE command, DWORD size, SCARD_IO_REQUEST*, LPBYTE answer,
                   LPDWORD answer_size) {
    World& w = world();
    const std::scoped_lock lock(w.mutex);
    if (!alive(handle)) return SCARD_W_REMOVED_CARD;
    try {
        const Bytes bytes = w.mutation(w.card->transmit({command, size}));
        if (bytes.size() > *answer_size) return SCARD_E_INSUFFICIENT_BUFFER;
        if (!bytes.empty()) std::memcpy(answer, bytes.data(), bytes.size());
        *answer_size = static_cast<DWORD>(bytes.size());
        return SCARD_S_SUCCESS;
    } catch (const CardModel::CardGone&) {
        w.gone = true;
        ++w.events;
        return SCARD_W_REMOVED_CARD;
    }
}

}  // extern "C"
