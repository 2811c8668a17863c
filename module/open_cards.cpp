#include "module/open_cards.hpp"

#include "apdu/patience.hpp"

namespace jpki {

OpenCards::Entry::Entry(OpenCards& cards, Card& card) noexcept : cards_(cards), card_(card) {
    const MutexLock lock(cards_.mutex_);
    next_ = cards_.first_;
    if (next_) next_->previous_ = this;
    cards_.first_ = this;
}

OpenCards::Entry::~Entry() {
    const MutexLock lock(cards_.mutex_);
    (previous_ ? previous_->next_ : cards_.first_) = next_;
    if (next_) next_->previous_ = previous_;
}

bool OpenCards::reset_security_status_of_all(CardClock::time_point deadline) noexcept {
    if (!lock_until(mutex_, deadline)) return false;
    const MutexLock lock(mutex_, std::adopt_lock);
    bool all = true;
    for (Entry* entry = first_; entry; entry = entry->next_) all = entry->card_.reset_security_status_by(deadline) && all;
    return all;
}

}  // namespace jpki
