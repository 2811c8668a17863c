// SCardGetStatusChange and SCardCancel.
#include "client.hpp"

#include <algorithm>
#include <strings.h>

using namespace jpki::fake::detail;
using jpki::fake::Function;

namespace {

constexpr const char* pnp_name = "\\\\?PnP?\\Notification";

// Writes the state of one reader. True: this ends the wait.
bool evaluate(SCARD_READERSTATE& out, const Reader* reader, std::uint16_t counter) {
    const DWORD known = out.dwCurrentState;
    if (!reader) {
        out.dwEventState = SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE;
        if (known & SCARD_STATE_UNKNOWN) return false;
        out.dwEventState |= SCARD_STATE_CHANGED;
        return true;
    }
    // Each known bit that is no longer true ends the wait; a new bit ends it only if the opposite is known.
    bool changed = known == SCARD_STATE_UNAWARE || (known & (SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE)) != 0;
    // For libpcsclite a known counter of 0 is no counter: a swap is not detected then.
    if (known & 0xFFFF0000) changed = changed || (known >> 16 & 0xFFFF) != counter;
    DWORD now = 0;
    out.cbAtr = reader->atr.size();
    std::copy(reader->atr.begin(), reader->atr.end(), out.rgbAtr);
    if (reader->state & SCARD_ABSENT) {
        now |= SCARD_STATE_EMPTY;
        changed = changed || (known & SCARD_STATE_PRESENT) != 0;
    } else if (reader->state & SCARD_PRESENT) {
        now |= SCARD_STATE_PRESENT;
        if (reader->state & SCARD_SWALLOWED) now |= SCARD_STATE_MUTE;
        changed = changed || (known & SCARD_STATE_EMPTY) != 0 || ((known ^ now) & SCARD_STATE_MUTE) != 0;
    }
    if (reader->exclusive()) {
        now |= SCARD_STATE_EXCLUSIVE;
        changed = changed || (known & SCARD_STATE_INUSE) != 0;
    } else if (reader->contexts == 0) {
        changed = changed || (known & (SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE)) != 0;
    } else if (reader->state & SCARD_PRESENT) {
        now |= SCARD_STATE_INUSE;
        changed = changed || (known & SCARD_STATE_EXCLUSIVE) != 0;
    }
    out.dwEventState = now | static_cast<DWORD>(counter) << 16 | (changed ? SCARD_STATE_CHANGED : 0U);
    return changed;
}

std::size_t plugged(const Service& service) {
    const auto there = [](const ReaderPtr& reader) { return reader != nullptr; };
    return static_cast<std::size_t>(std::count_if(service.readers.begin(), service.readers.end(), there));
}

}  // namespace

extern "C" {

LONG SCardGetStatusChange(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE* states, DWORD count) {
    if (const auto rc = enter(Function::get_status_change)) return *rc;
    if ((!states && count > 0) || count > Service::instance().readers_max) return SCARD_E_INVALID_PARAMETER;
    const auto end = states + count;
    if (std::any_of(states, end, [](const auto& s) { return s.szReader == nullptr; })) return SCARD_E_INVALID_VALUE;
    if (std::all_of(states, end, [](const auto& s) { return (s.dwCurrentState & SCARD_STATE_IGNORE) != 0; }))
        return SCARD_S_SUCCESS;
    const Held held = Client::instance().hold(context);
    if (!held) return SCARD_E_INVALID_HANDLE;
    Session& session = held.session();
    Service& service = Service::instance();
    Lock lock(service.mutex);
    if (!session.alive) return SCARD_E_NO_SERVICE;
    for (auto s = states; s != end; ++s)
        if (service.checks_names && !service.find(s->szReader) && strcasecmp(s->szReader, pnp_name) != 0)
            return SCARD_E_UNKNOWN_READER;
    for (auto s = states; s != end; ++s) s->dwEventState = 0;

    const bool endless = timeout == INFINITE || timeout == static_cast<DWORD>(-1);
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::microseconds(endless ? 0 : timeout * 1000ULL / service.hurry);
    // The number of readers is taken now: a reader that appeared just before is not a change.
    std::size_t readers = plugged(service);
    for (;;) {
        const std::uint64_t seen = service.changes;
        bool changed = false;
        for (auto s = states; s != end; ++s) {
            if (s->dwCurrentState & SCARD_STATE_IGNORE) continue;
            const auto reader = service.find(s->szReader);
            if (!reader && strcasecmp(s->szReader, pnp_name) == 0) {
                const std::size_t now = plugged(service);
                if (now != std::exchange(readers, now)) {
                    s->dwEventState |= SCARD_STATE_CHANGED;
                    changed = true;
                }
            } else if (evaluate(*s, reader.get(), reader ? service.counters[service.place_of(*reader)] : std::uint16_t{0})) {
                changed = true;
            }
        }
        if (changed) return SCARD_S_SUCCESS;
        if (!endless && std::chrono::steady_clock::now() >= deadline) return SCARD_E_TIMEOUT;
        if (const auto hook = service.wait_hook) {
            lock.unlock();
            hook();
            lock.lock();
        }
        session.cancellable = true;
        ++service.blocked[index(Function::get_status_change)];
        service.changed.notify_all();  // for wait_until_blocked
        const auto news = [&] { return service.changes != seen || session.cancelled || !session.alive; };
        if (endless) service.changed.wait(lock, news);
        else service.changed.wait_until(lock, deadline, news);
        --service.blocked[index(Function::get_status_change)];
        session.cancellable = false;
        if (std::exchange(session.cancelled, false)) return SCARD_E_CANCELLED;
        if (!session.alive) return SCARD_F_COMM_ERROR;
    }
}

LONG SCardCancel(SCARDCONTEXT context) {
    if (const auto rc = enter(Function::cancel)) return *rc;
    const auto found = Client::instance().find(context);
    if (!found) return SCARD_E_INVALID_HANDLE;
    Service& service = Service::instance();
    const Lock lock(service.mutex);
    // A cancel before the wait has no effect: it is not remembered.
    if (!found->session->cancellable) return SCARD_S_SUCCESS;
    if (!service.running) return SCARD_E_NO_SERVICE;
    found->session->cancelled = true;
    service.note_change();
    return SCARD_S_SUCCESS;
}

}  // extern "C"
