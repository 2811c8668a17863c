// One card from its insertion to its removal. Sessions belong to an insertion, so that
// they end with it, regardless of the next card.
#pragma once

#include "apdu/pcsc_link.hpp"
#include "apdu/pinpad.hpp"
#include "apdu/thread_safety.hpp"
#include "module/open_cards.hpp"
#include "module/token.hpp"

#include <atomic>
#include <memory>

namespace jpki {

class Insertion {
public:
    // For the insertion that the reader's event counter names. Does not connect: the first use of the card does.
    Insertion(Services& services, const std::string& reader, std::uint16_t stay)
        : services_(services),
          stay_(stay),
          card_(link_to(services, reader, stay), services.log,
                [&services](const Certificate& certificate, const Certificate& issuer) {
                    return services.crypto.issued_by(certificate, issuer);
                }),
          tokens_{{{services, *this, KeyUse::authentication}, {services, *this, KeyUse::signature}}} {}
    // No login of this process stays open at the card, however the insertion ends.
    ~Insertion() { reset_security_status(); }
    Insertion(const Insertion&) = delete;
    Insertion& operator=(const Insertion&) = delete;

    // A use of the insertion, by a session or a call, during the pointer's lifetime. With the last one the connection to
    // the card ends, so that another program can open it exclusively (Card::let_go). Release it while no
    // lock of the slot table is held: ending the connection is I/O.
    static std::shared_ptr<Insertion> use(std::shared_ptr<Insertion> insertion);

    Card& card() noexcept { return card_; }
    const Card& card() const noexcept { return card_; }
    Token& token(KeyUse use) noexcept { return tokens_[index_of(use)]; }
    std::uint16_t stay() const noexcept { return stay_; }
    bool gone() const noexcept { return card_.gone(); }

    // Ends every login at the card, if there is one; for C_Finalize. Faults are logged, not thrown. Another program that uses
    // the card is waited for once, and not a second time by the destructor.
    void reset_security_status() noexcept;
    // The reader's PIN pad, if it has one that can take this key's PIN and the settings allow it; else NULL.
    PinPad* pad(KeyUse use) JPKI_EXCLUDES(pad_mutex_);

private:
    struct Use;

    std::unique_ptr<Link> link_to(Services& services, const std::string& reader, std::uint16_t stay) {
        auto link =
            std::make_unique<PcscLink>(services.log, reader, services.settings.busy_timeout, stay, services.may_create_threads);
        link_ = link.get();
        return link;
    }

    Services& services_;
    const std::uint16_t stay_;
    PcscLink* link_ = nullptr;  // owned by card_
    Card card_;
    std::array<Token, 2> tokens_;
    const OpenCards::Entry listed_{services_.open_cards, card_};
    std::atomic<bool> busy_ = false;
    std::atomic<int> users_ = 0;
    Mutex pad_mutex_;  // held over I/O
    bool pad_looked_for_ JPKI_GUARDED_BY(pad_mutex_) = false;
    std::unique_ptr<PinPad> pad_ JPKI_GUARDED_BY(pad_mutex_);
};

}  // namespace jpki
