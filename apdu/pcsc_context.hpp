// A connection to the PC/SC resource manager (PC/SC part 5, SCardEstablishContext), and its information about readers.
// Nothing here sends a command to a card.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <winscard.h>

namespace jpki {

// The resource manager's state of one reader at one moment.
struct ReaderStatus {
    bool exists = false;        // the resource manager knows a reader of this name
    bool card_present = false;  // a card is in it that answered to reset
    bool exclusive = false;     // a program has opened it exclusively (SCARD_SHARE_EXCLUSIVE)
    bool in_use = false;        // programs are connected to the card in shared mode
    // Counts insertions and removals of this reader (upper half of dwEventState in pcsc-lite): a card that was removed and
    // inserted between two calls shows only here.
    std::uint16_t events = 0;
    DWORD raw = 0;  // dwEventState, to be passed back to wait()
};

class PcscContext {
public:
    PcscContext() noexcept = default;
    ~PcscContext() { close(); }
    PcscContext(PcscContext&& other) noexcept : context_(other.context_), open_(std::exchange(other.open_, false)) {}
    PcscContext& operator=(PcscContext&& other) noexcept {
        close();
        context_ = other.context_;
        open_ = std::exchange(other.open_, false);
        return *this;
    }

    // Establishes the context unless it exists. False if no resource manager answers.
    bool open() noexcept;
    void close() noexcept;
    // Forgets the context without a call of libpcsclite, which does not know it any more.
    void abandon() noexcept { open_ = false; }
    bool is_open() const noexcept { return open_; }
    // Whether pcscd refused the last open(), as polkit does for users without a seat (SCARD_W_SECURITY_VIOLATION).
    bool refused() const noexcept { return refused_; }
    SCARDCONTEXT get() const noexcept { return context_; }

    // The names of all readers; empty if there are none. No value if the resource manager was lost (and the context
    // closed): earlier knowledge of cards is then void.
    std::optional<std::vector<std::string>> readers();

    // The state of each named reader, in the same order. No value as above.
    std::optional<std::vector<ReaderStatus>> status(const std::vector<std::string>& names);
    // SCardGetStatusChange without a wait for the one reader that `state` names, in an open context. Repeats the call where
    // libpcsclite 2.5 may have lost the reader although it is there. Returns the code of the last call.
    LONG get_state(SCARD_READERSTATE& state) noexcept;

    enum class Wait { changed, timed_out, cancelled, lost };
    // Blocks until a reader's state differs from `known[i]`, a reader appears or disappears, or time runs out.
    // `known` are raw states as status() returned them, one per name.
    Wait wait(const std::vector<std::string>& names, const std::vector<DWORD>& known, std::chrono::milliseconds timeout);
    // Ends a wait() of another thread. May be called from any thread between open() and close().
    void cancel() noexcept;

private:
    SCARDCONTEXT context_ = 0;
    bool open_ = false;
    bool refused_ = false;
};

// True for codes which mean that the resource manager, or our connection to it, is lost.
bool means_service_lost(LONG rc) noexcept;

}  // namespace jpki
