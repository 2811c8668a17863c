#include "module/insertion.hpp"

#include "apdu/log_text.hpp"

namespace jpki {

struct Insertion::Use {
    explicit Use(std::shared_ptr<Insertion> insertion_) : insertion(std::move(insertion_)) { ++insertion->users_; }
    ~Use() {
        if (--insertion->users_ == 0) insertion->card().let_go();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    const std::shared_ptr<Insertion> insertion;
};

std::shared_ptr<Insertion> Insertion::use(std::shared_ptr<Insertion> insertion) {
    const auto use = std::make_shared<Use>(std::move(insertion));
    return {use, use->insertion.get()};
}

void Insertion::reset_security_status() noexcept {
    if (busy_) return;
    try {
        if (!card_.gone() && card_.may_be_open()) card_.reset_security_status();
    } catch (const CardBusy& busy) {
        busy_ = true;
        services_.log.error(LogText("cannot end the login at the card: ", busy.what()));
    } catch (const std::exception& fault) {
        services_.log.error(LogText("cannot end the login at the card: ", fault.what()));
    }
}

PinPad* Insertion::pad(KeyUse use) {
    if (!services_.settings.pinpad) return nullptr;
    // No reader reports whether its keypad has letters; the settings say so.
    if (use == KeyUse::signature && !services_.settings.pinpad_letters) return nullptr;
    const MutexLock lock(pad_mutex_);
    // In a transaction: during one of another program, the reader would not answer, and look like one without a pad.
    if (!pad_looked_for_)
        card_.exclusively([this] {
            pad_mutex_.assert_held();
            pad_ = PinPad::find(*link_);
        });
    pad_looked_for_ = true;
    return pad_.get();
}

}  // namespace jpki
