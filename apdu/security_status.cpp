#include "apdu/security_status.hpp"

namespace jpki {

SecurityStatus::Attempt::Attempt(SecurityStatus& status, KeyUse use) noexcept
    : status_(status),
      use_(use),
      was_verified_(status.verified(use)),
      was_open_(status.open(use)),
      pin_known_(status.heard(use).left || was_verified_) {
    status_.heard_[index_of(use)].valid = false;
    status_.set_open(use, true);
}

void SecurityStatus::Attempt::answer_lost() noexcept { status_.set_verified(use_, false); }

void SecurityStatus::Attempt::answered(const PinAnswer& answer, bool for_login) noexcept {
    const bool refused = answer.kind == PinAnswer::Kind::rejected || answer.kind == PinAnswer::Kind::blocked;
    const bool accepted = answer.kind == PinAnswer::Kind::accepted;
    // A right PIN resets the counter; only the card knows its maximum.
    if (refused) status_.hear(use_, answer.tries_left);
    // At the pad perhaps nothing was sent: the state stays.
    status_.set_verified(use_, (for_login && accepted) || (was_verified_ && !refused));
    if (accepted) status_.confirm_login(use_);
    // That a failure ends an earlier success is a guess (apdu/README.md, State).
    status_.set_open(use_, accepted || was_open_);
}

void SecurityStatus::set_verified(KeyUse use, bool verified) noexcept {
    verified_[index_of(use)].store(verified, std::memory_order_release);
}

void SecurityStatus::refused(KeyUse use) noexcept {
    set_verified(use, false);
    set_open(use, false);
}

void SecurityStatus::demand_reset() noexcept {
    reset_due_ = true;
    for (const KeyUse use : all_key_uses) set_verified(use, false);
}

void SecurityStatus::end_logins() noexcept {
    for (const KeyUse use : all_key_uses) refused(use);
}

void SecurityStatus::ended() noexcept {
    end_logins();
    reset_due_ = false;
}

void SecurityStatus::doubt_logins() noexcept {
    for (const KeyUse use : all_key_uses) in_doubt_[index_of(use)] = verified(use);
}

}  // namespace jpki
