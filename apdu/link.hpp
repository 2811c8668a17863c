// One connection to one card. Commands can be sent only inside a transaction.
#pragma once

#include "apdu/command.hpp"
#include "apdu/log.hpp"

#include <chrono>
#include <span>

namespace jpki {

class Link {
public:
    // The longest answer: 256 bytes and the status word, with room to see that a card sent too much.
    static constexpr std::size_t answer_max = 1024;

    explicit Link(Log& log) : log_(log) {}
    virtual ~Link() = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Exclusive use of the card (PC/SC part 5, BeginTransaction) for as long as it lives.
    class Transaction {
    public:
        // Waits for other programs, for a bounded time. Throws CardRemoved, CardBusy, TransportFault.
        explicit Transaction(Link& link) : link_(link), was_reset_(link.begin()) {}
        ~Transaction() { link_.end(power_off_); }
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;

        // True when the card was reset since the last transaction of this link.
        bool was_reset() const noexcept { return was_reset_; }
        // True when it is known that this was a loss of power, which ends every PIN state (apdu/README.md, State). After a reset
        // of which it is not known, only the card can tell.
        bool lost_power() const noexcept { return link_.lost_power(); }

        // Sends `command`, follows 61xx and 6Cxx (ISO/IEC 7816-4, 5.3.4) a bounded number of times, and returns data and
        // status word. Any status word is a return value. Throws CardRemoved, TransportFault, and CardFault for an
        // answer without a status word or with more data than a short command can ask for.
        Response transmit(Command& command);
        Response transmit(Command&& command) { return transmit(command); }

        // Has the card powered down when the transaction ends (SCARD_UNPOWER_CARD): every PIN state is gone then.
        void power_off_at_end() noexcept { power_off_ = true; }

    private:
        Response exchange_once(const Command& command);

        Link& link_;
        bool was_reset_;
        bool power_off_ = false;
    };

    // False when the connection is known to be dead. Sends nothing to the card.
    virtual bool alive() noexcept { return true; }

    // From now on waits for other programs no longer than this, wherever it waited longer. Not inside of another call.
    virtual void limit_patience(std::chrono::milliseconds) noexcept {}

    // Connects unless it is connected. A transaction does so too. Throws as a transaction does.
    virtual void connect() {}
    // Ends the connection and leaves the card as it is. The next transaction connects again, and reports the card as reset.
    // Not inside a transaction.
    virtual void let_go() noexcept {}

    // Whether a transaction waits until other programs are done (the default), or throws CardBusy at once.
    virtual void set_waits(bool) noexcept {}

    // The card was recognised: a command without an answer is from now on first of all the sign of a removal.
    virtual void card_recognised() noexcept {}

    // True while another program is known to have the card exclusively (PC/SC: SCARD_SHARE_EXCLUSIVE). Any thread.
    virtual bool held_exclusively() const noexcept { return false; }

protected:
    // Returns whether the card was reset since the last transaction.
    virtual bool begin() = 0;
    virtual void end(bool power_off) noexcept = 0;
    // Whether what the last begin() reported is known to have been a loss of power.
    virtual bool lost_power() const noexcept { return false; }
    // Sends one command, returns the number of answer bytes put into `answer`.
    virtual std::size_t exchange(ByteView command, std::span<std::uint8_t> answer) = 0;

    Log& log() noexcept { return log_; }

private:
    Log& log_;
};

}  // namespace jpki
