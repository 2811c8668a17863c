// What this process knows of the card's security status (ISO/IEC 7816-4, 5.4.1): which PIN the card accepted, which login may
// still be open, and the last known retry counters. Sends nothing.
#pragma once

#include "apdu/applet.hpp"
#include "apdu/card_clock.hpp"
#include "apdu/key_use.hpp"

#include <array>
#include <atomic>
#include <chrono>

namespace jpki {

// The last known retry counter of a key's PIN.
struct HeardTries {
    TriesAnswer left;
    CardClock::time_point when{};
    bool valid = false;

    bool fresh(std::chrono::milliseconds max_age) const noexcept { return valid && CardClock::now() - when < max_age; }
};

// Functions marked "any thread" may be called without a lock; all others under that of the card.
class SecurityStatus {
public:
    // Any thread. Whether the last VERIFY of `use` was accepted for a login, and no later answer ended it.
    bool verified(KeyUse use) const noexcept { return verified_[index_of(use)].load(std::memory_order_acquire); }
    bool any_verified() const noexcept { return verified(KeyUse::authentication) || verified(KeyUse::signature); }
    // Any thread. Whether a login with the PIN of `use` may be open at the card, even if no user is logged in by it.
    bool open(KeyUse use) const noexcept { return open_[index_of(use)].load(std::memory_order_acquire); }
    bool may_be_open() const noexcept { return open(KeyUse::authentication) || open(KeyUse::signature); }

    // One VERIFY, from before it is sent.
    class Attempt {
    public:
        // From here on, with any answer, the old count is void, and a login may be open.
        Attempt(SecurityStatus& status, KeyUse use) noexcept;
        // Whether the card showed before that it has this PIN.
        bool pin_known() const noexcept { return pin_known_; }
        // It is not known whether the card accepted the PIN; no user is logged in by it.
        void answer_lost() noexcept;
        // `for_login`: an accepted PIN is a login. A PIN for its change ends a login if it is rejected.
        void answered(const PinAnswer& answer, bool for_login) noexcept;

    private:
        SecurityStatus& status_;
        const KeyUse use_;
        const bool was_verified_, was_open_, pin_known_;
    };

    const HeardTries& heard(KeyUse use) const noexcept { return heard_[index_of(use)]; }
    const std::array<HeardTries, 2>& heard() const noexcept { return heard_; }
    void hear(KeyUse use, const TriesAnswer& left) noexcept { heard_[index_of(use)] = {left, CardClock::now(), true}; }

    // `use` is logged out; the state at the card does not change.
    void log_out(KeyUse use) noexcept { set_verified(use, false); }
    // The card answered that the PIN of `use` is not verified (6982).
    void refused(KeyUse use) noexcept;
    // All logins end and must be ended at the card too: reset_due() until ended().
    void demand_reset() noexcept;
    bool reset_due() const noexcept { return reset_due_; }
    // No login is open at the card: another application was selected, or it lost its power, or the connection.
    void end_logins() noexcept;
    // end_logins(), and the reset of demand_reset() was done.
    void ended() noexcept;

    // The card was reset and may have lost its power: logins are in doubt until the card shows that they are open.
    void doubt_logins() noexcept;
    void confirm_login(KeyUse use) noexcept { in_doubt_[index_of(use)] = false; }
    bool in_doubt(KeyUse use) const noexcept { return in_doubt_[index_of(use)]; }

private:
    void set_verified(KeyUse use, bool verified) noexcept;
    void set_open(KeyUse use, bool open) noexcept { open_[index_of(use)].store(open, std::memory_order_release); }

    std::array<std::atomic<bool>, 2> verified_{};
    std::array<std::atomic<bool>, 2> open_{};
    std::array<bool, 2> in_doubt_{};
    std::array<HeardTries, 2> heard_{};
    bool reset_due_ = false;
};

}  // namespace jpki
