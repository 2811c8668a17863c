// Link over PC/SC: a shared connection to the card in one reader, on a context of its own, so that waiting for another
// program's transaction never delays calls about other readers. It belongs to one insertion of one card: a card that
// is inserted later never gets a command.
#pragma once

#include "apdu/card_clock.hpp"
#include "apdu/link.hpp"
#include "apdu/pcsc_connecting.hpp"
#include "apdu/pcsc_context.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace jpki {

class PcscLink final : public Link {
public:
    // Transactions are short and worth waiting for, up to `patience`; a program that opened the card exclusively keeps it
    // for minutes (gpg's scdaemon), and is waited for at most this long, once for as long as it has the card.
    static constexpr std::chrono::milliseconds exclusive_patience{300};

    // A connection that does not wait for other programs (Link::set_waits) is given up when pcscd has answered so many other
    // requests meanwhile, with pauses of this length between them. A fixed time would not tell another program's transaction
    // from a busy machine.
    static constexpr int answers_meanwhile{10};
    static constexpr std::chrono::milliseconds answers_pause{10};

    // Connects to the card in `reader`. `patience` bounds the wait for other programs' transactions, at the beginning of each
    // transaction, and in SCardConnect too if threads are allowed: pcscd itself makes that wait, and only a thread can be left
    // waiting (PcscConnecting). Nothing else can bound it.
    // Throws CardRemoved (no card, no reader, no resource manager), CardBusy, CardFault (a card that does not answer).
    PcscLink(Log& log, const std::string& reader, std::chrono::milliseconds patience);
    // For the insertion that the reader's event counter names. Does not connect: the first transaction does,
    // and throws CardRemoved if the reader has another card by then.
    PcscLink(Log& log, const std::string& reader, std::chrono::milliseconds patience, std::uint16_t stay,
             bool may_create_threads);
    ~PcscLink() override;

    // False if the connection is known to be lost, which after an unplugged reader nothing else may show. Asks the
    // resource manager, never the card. Without a connection there is nothing to ask. Not while another thread is inside of
    // this object.
    bool alive() noexcept override;

    void limit_patience(std::chrono::milliseconds patience) noexcept override { patience_ = std::min(patience_, patience); }
    void connect() override;
    void power_off() noexcept override;
    void let_go() noexcept override;
    void set_waits(bool waits) noexcept override { waits_ = waits; }
    void card_recognised() noexcept override { recognised_ = true; }
    bool held_exclusively() const noexcept override { return held_exclusively_; }

    // A command to the reader itself (PC/SC part 10). Returns the number of answer bytes, 0 if the reader
    // rejects it or the answer is too long. `rc` receives the PC/SC code.
    std::size_t control(DWORD code, ByteView input, std::span<std::uint8_t> output, LONG& rc) noexcept;

protected:
    bool begin() override;
    void end(bool power_off) noexcept override;
    bool lost_power() const noexcept override { return lost_power_; }
    std::size_t exchange(ByteView command, std::span<std::uint8_t> answer) override;

private:
    bool try_to_connect(const ReaderStatus& status);
    LONG connect_now();
    LONG connect_in_thread();
    bool connected_by(CardClock::time_point deadline);
    void let_go_for_good() noexcept;
    bool same_stay();
    bool same_stay_in_transaction();
    LONG ask_about_connection() noexcept;
    void wait_until_free();
    LONG transmit(ByteView command, std::span<std::uint8_t> answer, DWORD& size);
    LONG end_after_reset(DWORD disposition) noexcept;
    void wait_for_news_of_removal(LONG rc);
    LONG reconnect_now(DWORD initialization);
    void reconnect();
    void power_up();
    [[noreturn]] void fail(LONG rc, const char* where);

    PcscContext context_;
    std::string reader_;
    std::uint16_t events_ = 0;       // the reader's event counter during this insertion
    bool reset_unreported_ = false;  // to be reported by the next begin()
    bool lost_power_ = false;        // that reset is known to have been a loss of power; until the transaction's end
    bool removed_ = false;           // detected by end() or reconnect()
    bool only_reset_ = false;        // the last begin() reported a reset, and the card got no command after it
    SCARDHANDLE card_ = 0;
    bool connected_ = false;
    bool connected_before_ = false;
    DWORD protocol_ = 0;
    std::chrono::milliseconds patience_;
    const bool may_create_threads_;
    std::unique_ptr<PcscConnecting> connecting_;        // one that was left running
    std::optional<CardClock::time_point> met_another_;  // another program's transaction, last time
    bool waits_ = true;
    bool recognised_ = false;
    std::atomic<bool> held_exclusively_ = false;  // seen, and its end not seen
};

}  // namespace jpki
