// One connection to one card. Commands can be sent only inside a transaction.
#pragma once

#include "apdu/command.hpp"
#include "apdu/log.hpp"

#include <chrono>
#include <span>

namespace jpki {

class Link {
public:
    // The longest answer: 256 bytes and the status word, with room to detect that a card sent too much.
    static constexpr std::size_t answer_max = 1024;

    explicit Link(Log& log) : log_(log) {}
    virtual ~Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Exclusive use of the card (PC/SC part 5, BeginTransaction) during its lifetime.
    class Transaction {
    public:
        // Waits for other programs, for a bounded time. Throws CardRemoved, CardBusy, TransportFault.
        explicit Transaction(Link& link) : link_(link), was_reset_(link.begin()) {}
        ~Transaction() { link_.end(power_off_); }
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;

        // True if the card was reset since the last transaction of this link.
        bool was_reset() const noexcept { return was_reset_; }
        // True if it is known that this was a loss of power, which ends all logins (apdu/README.md, State). After a reset
        // of unknown kind, only the card can show it.
        bool lost_power() const noexcept { return link_.lost_power(); }

        // Sends `command`, follows 61xx and 6Cxx (ISO/IEC 7816-4, 5.3.4) a bounded number of times, and returns data and
        // status word. Any status word is a return value. Throws CardRemoved, TransportFault, and CardFault for an
        // answer without a status word or with more data than a short command can ask for.
        Response transmit(Command& command);
        Response transmit(Command&& command) { return transmit(command); }

        // Powers the card off when the transaction ends (SCARD_UNPOWER_CARD): all logins end then.
        void power_off_at_end() noexcept { power_off_ = true; }

    private:
        Response exchange_once(const Command& command);

        Link& link_;
        bool was_reset_;
        bool power_off_ = false;
    };

    // False if the connection is known to be lost. Sends nothing to the card.
    virtual bool alive() noexcept { return true; }

    // From now on waits for other programs at most this long. Not during another call.
    virtual void limit_patience(std::chrono::milliseconds) noexcept {}

    // Connects unless it is connected. A transaction does so too. Throws as a transaction does.
    virtual void connect() {}
    // Powers the card off, if there is a connection and it is still that of the card, and no program has a transaction: all
    // logins end then. Not inside a transaction (Transaction::power_off_at_end). Best effort: nothing is reported.
    virtual void power_off() noexcept {}
    // Ends the connection and leaves the card unchanged. The next transaction connects again, and reports the card as reset.
    // Not inside a transaction.
    virtual void let_go() noexcept {}

    // Whether a transaction waits for other programs (the default), or throws CardBusy at once.
    virtual void set_waits(bool) noexcept {}

    // The card was recognised: from now on a command without an answer indicates a removal.
    virtual void card_recognised() noexcept {}

    // True while another program is known to have the card exclusively (PC/SC: SCARD_SHARE_EXCLUSIVE). Any thread.
    virtual bool held_exclusively() const noexcept { return false; }

protected:
    // Returns whether the card was reset since the last transaction.
    virtual bool begin() = 0;
    virtual void end(bool power_off) noexcept = 0;
    // Whether the reset that the last begin() reported is known to have been a loss of power.
    virtual bool lost_power() const noexcept { return false; }
    // Sends one command, returns the number of bytes written to `answer`.
    virtual std::size_t exchange(ByteView command, std::span<std::uint8_t> answer) = 0;

    Log& log() noexcept { return log_; }

private:
    Log& log_;
};

}  // namespace jpki
