// Readers and cards for the commands: one shared connection, one transaction for each request, the card left in the state in
// which it was found. All that the commands need of PC/SC.
#pragma once

#include "signals.hpp"

#include "apdu/card.hpp"
#include "apdu/pcsc_context.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jpki::tool {

// One reader at one moment. Determined without a command to the card.
struct ReaderView {
    std::string name;
    bool card = false;       // a card that answered to reset
    bool mute = false;       // a card that did not
    bool exclusive = false;  // another program has opened it exclusively
    bool in_use = false;     // another program is connected to it
    Bytes atr;
};

// Throws Failure(no_service) if pcscd does not answer.
std::vector<ReaderView> look_at_readers(PcscContext& pcsc);

// Whether `wanted` (--reader: a number from 1, a name or a part of it; empty for every reader) matches the reader with this name
// and number.
bool names_reader(const std::string& wanted, const std::string& name, std::size_t number);

// Whether pcscd refuses this user access to cards (polkit's "access_card"): SCardConnect then returns the same code as for a
// removed card.
bool refuses_cards(const std::string& reader);

// A connected card. Its destructor resets the security status that this process set.
class OpenCard {
public:
    // Throws Failure(card_busy, no_card, not_our_card).
    OpenCard(Log& log, const std::string& reader);
    ~OpenCard();
    OpenCard(const OpenCard&) = delete;
    OpenCard& operator=(const OpenCard&) = delete;

    const std::string& reader() const noexcept { return reader_; }
    Card& operator*() noexcept { return *card_; }
    Card* operator->() noexcept { return card_.get(); }

    struct File {
        enum class Kind { read, locked, absent };
        Kind kind = Kind::absent;
        Bytes der;  // when read
    };
    // The certificate of the holder or of its CA. Faults of the card are thrown as Failure.
    File certificate(KeyUse use);
    File ca_certificate(KeyUse use);

private:
    std::string reader_;
    std::unique_ptr<Card> card_;
};

// The card that a command uses: in the reader that `wanted` names (its full name, a part of it, or its number as `status`
// counts them), otherwise the only My Number Card present. Throws Failure.
std::unique_ptr<OpenCard> find_card(Log& log, const std::string& wanted);

// Runs `f` and converts exceptions of apdu/ to Failure.
template <class F> auto on_card(F&& f);

[[noreturn]] void rethrow_as_failure();

template <class F> auto on_card(F&& f) {
    try {
        return f();
    } catch (const std::runtime_error&) {
        rethrow_as_failure();
    }
}

}  // namespace jpki::tool
