#include "apdu/pcsc_context.hpp"

#include "apdu/fork_deferral.hpp"

#include <algorithm>

namespace jpki {

namespace {

constexpr const char* new_reader_notification = "\\\\?PnP?\\Notification";
constexpr int status_attempts = 4;

}  // namespace

bool means_service_lost(LONG rc) noexcept {
    return rc == SCARD_E_NO_SERVICE || rc == SCARD_E_SERVICE_STOPPED || rc == SCARD_E_INVALID_HANDLE ||
           rc == SCARD_F_COMM_ERROR || rc == SCARD_F_INTERNAL_ERROR ||
           rc == SCARD_W_SECURITY_VIOLATION;  // polkit's refusal; also the code after a pcscd that ended during a request
}

bool PcscContext::open() noexcept {
    if (open_) return true;
    const ForkDeferral no_fork_meanwhile;
    const LONG rc = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_);
    open_ = rc == SCARD_S_SUCCESS;
    refused_ = rc == static_cast<LONG>(SCARD_W_SECURITY_VIOLATION);
    return open_;
}

void PcscContext::close() noexcept {
    if (!open_) return;
    const ForkDeferral no_fork_meanwhile;
    SCardReleaseContext(context_);
    open_ = false;
}

std::optional<std::vector<std::string>> PcscContext::readers() {
    if (!open()) return std::nullopt;
    std::vector<std::string> names;
    // A reader may be plugged between the request for the size and that for the names.
    for (int attempt = 0; attempt < 5; ++attempt) {
        const ForkDeferral no_fork_meanwhile;
        DWORD size = 0;
        LONG rc = SCardListReaders(context_, nullptr, nullptr, &size);
        std::string list;
        if (rc == SCARD_S_SUCCESS) {
            list.resize(size);
            rc = SCardListReaders(context_, nullptr, list.data(), &size);
        }
        if (rc == SCARD_E_NO_READERS_AVAILABLE) return names;
        if (rc == SCARD_E_INSUFFICIENT_BUFFER) continue;
        if (rc != SCARD_S_SUCCESS) {
            close();
            return std::nullopt;
        }
        list.resize(std::min<std::size_t>(size, list.size()));
        // A multi-string: names ended by NUL each, and an empty one at the end.
        std::size_t at = 0;
        while (at < list.size() && list[at] != '\0') {
            const std::size_t end = std::min(list.find('\0', at), list.size());
            names.push_back(list.substr(at, end - at));
            at = end + 1;
        }
        return names;
    }
    return names;
}

// libpcsclite 2.5 registers for events and then requests the states of the readers, both on one connection. An event in between,
// such as another program's connect or disconnect, arrives before the states and is read as their beginning: the call does not
// find the reader, or fails with SCARD_E_UNSUPPORTED_FEATURE. It reads the rest before it returns, so the next call is correct.
LONG PcscContext::get_state(SCARD_READERSTATE& state) noexcept {
    LONG rc = SCARD_S_SUCCESS;
    for (int attempt = 0; attempt < status_attempts; ++attempt) {
        const ForkDeferral no_fork_meanwhile;
        state.dwEventState = 0;
        rc = SCardGetStatusChange(context_, 0, &state, 1);
        const bool found = rc == SCARD_S_SUCCESS && (state.dwEventState & SCARD_STATE_UNKNOWN) == 0;
        if (found || (rc != SCARD_S_SUCCESS && rc != SCARD_E_UNKNOWN_READER && rc != SCARD_E_UNSUPPORTED_FEATURE)) break;
    }
    return rc;
}

std::optional<std::vector<ReaderStatus>> PcscContext::status(const std::vector<std::string>& names) {
    if (!open()) return std::nullopt;
    std::vector<ReaderStatus> result(names.size());
    // One call per reader: pcsc-lite rejects a whole list for one unknown name.
    for (std::size_t i = 0; i < names.size(); ++i) {
        SCARD_READERSTATE state{};
        state.szReader = names[i].c_str();
        state.dwCurrentState = SCARD_STATE_UNAWARE;
        const LONG rc = get_state(state);
        if (rc == SCARD_E_UNKNOWN_READER || rc == SCARD_E_READER_UNAVAILABLE || rc == SCARD_E_NO_READERS_AVAILABLE) continue;
        if (rc != SCARD_S_SUCCESS && rc != SCARD_E_TIMEOUT) {
            close();
            return std::nullopt;
        }
        const DWORD raw = state.dwEventState;
        if (raw & (SCARD_STATE_UNKNOWN | SCARD_STATE_IGNORE)) continue;
        result[i].exists = true;
        result[i].card_present = (raw & SCARD_STATE_PRESENT) != 0 && (raw & SCARD_STATE_MUTE) == 0;
        result[i].exclusive = (raw & SCARD_STATE_EXCLUSIVE) != 0;
        result[i].in_use = (raw & SCARD_STATE_INUSE) != 0;
        result[i].events = static_cast<std::uint16_t>((raw >> 16) & 0xFFFF);
        result[i].raw = raw & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
    }
    return result;
}

PcscContext::Wait PcscContext::wait(const std::vector<std::string>& names, const std::vector<DWORD>& known,
                                    std::chrono::milliseconds timeout) {
    if (!open()) return Wait::lost;
    std::vector<SCARD_READERSTATE> states(names.size() + 1);
    for (std::size_t i = 0; i < names.size(); ++i) {
        states[i].szReader = names[i].c_str();
        states[i].dwCurrentState = known[i];
    }
    states.back().szReader = new_reader_notification;
    states.back().dwCurrentState = SCARD_STATE_UNAWARE;
    const auto change = [&](std::size_t count) {
        return SCardGetStatusChange(context_, static_cast<DWORD>(timeout.count()), states.data(), static_cast<DWORD>(count));
    };
    LONG rc = change(states.size());
    // Before 2.5 pcsc-lite has 16 readers and accepts 16 names: with 16 readers there is no room for the notification, and no
    // reader can be added either.
    if (rc == SCARD_E_INVALID_PARAMETER && !names.empty()) rc = change(names.size());
    switch (rc) {
    case SCARD_S_SUCCESS:
    case SCARD_E_UNKNOWN_READER:       // one was unplugged meanwhile
    case SCARD_E_UNSUPPORTED_FEATURE:  // an event arrived too early for libpcsclite 2.5: see get_state
        return Wait::changed;
    case SCARD_E_TIMEOUT: return Wait::timed_out;
    case SCARD_E_CANCELLED: return Wait::cancelled;
    default: return Wait::lost;  // closed by the owner: another thread may be in cancel()
    }
}

void PcscContext::cancel() noexcept {
    if (open_) SCardCancel(context_);
}

}  // namespace jpki
