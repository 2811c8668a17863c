// Where a PIN comes from: typed by the user into the program, or on the keys of a reader with a PIN pad (pinpad.hpp).
#pragma once

#include "apdu/applet.hpp"
#include "apdu/pin.hpp"

namespace jpki {

// What to do if one try is left for a PIN: send it, or keep that try (PinAnswer::Kind::last_try_withheld).
enum class LastTry { spend, withhold };

// For one login or one change. Neither function is called twice: a PIN is sent once.
class PinSource {
public:
    virtual ~PinSource() = default;
    // One VERIFY of the PIN of `use`; throws as Applet::verify.
    virtual PinAnswer verify(Applet applet, KeyUse use) = 0;
    // CHANGE REFERENCE DATA to the new PIN, after verify() of the old one in the same transaction; answers as Applet::change.
    virtual PinAnswer::Kind change(Applet applet, KeyUse use) = 0;
};

class TypedPin final : public PinSource {
public:
    // For a login. The PIN is not copied and must live longer.
    explicit TypedPin(const Secret& pin) noexcept : pin_(pin) {}
    // For a change.
    TypedPin(const Secret& old_pin, const Secret& new_pin) noexcept : pin_(old_pin), new_pin_(&new_pin) {}

    PinAnswer verify(Applet applet, KeyUse use) override { return applet.verify(use, pin_); }
    PinAnswer::Kind change(Applet applet, KeyUse use) override {
        return new_pin_ ? applet.change(use, *new_pin_) : PinAnswer::Kind::not_entered;
    }

private:
    const Secret& pin_;
    const Secret* new_pin_ = nullptr;
};

}  // namespace jpki
