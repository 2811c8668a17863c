// Sources of PINs: the terminal, a descriptor (--pin-fd) or a pinentry program (--pinentry). Never the command line or the
// environment. Entered PINs are in jpki::Secret only.
#pragma once

#include "output.hpp"
#include "signals.hpp"

#include "apdu/key_use.hpp"
#include "apdu/pin.hpp"

#include <memory>
#include <string>

namespace jpki::tool {

// "authentication PIN (4 digits)", "signature password (6 to 16 letters and digits)".
std::string pin_name(KeyUse use);

struct PinRequest {
    std::string title;   // one line: which PIN of which card
    std::string detail;  // shown before the entry: tries left, rules
    std::string prompt;  // "Authentication PIN"
};

// The entry: at most Secret::capacity bytes, more are only counted.
struct Entered {
    Secret bytes;
    bool too_long = false;
};

class PinSource {
public:
    virtual ~PinSource() = default;
    // Throws Failure(pin_not_sent) if the entry is cancelled or the input has ended, Failure(usage) without a user to
    // ask, and Interrupted.
    virtual void ask(const PinRequest& request, Entered& entered) = 0;
    // True if a new PIN must be entered twice: the user does not see it.
    virtual bool by_a_person() const noexcept { return true; }
};

struct PinOptions {
    int descriptor = -1;  // --pin-fd
    bool pinentry = false;
    std::string pinentry_program = "pinentry";
    bool last_try = false;
};

std::unique_ptr<PinSource> make_pin_source(const PinOptions& options, Output& output, const Signals& signals);
std::unique_ptr<PinSource> make_pinentry(const std::string& program, const Signals& signals);

// Waits until `descriptor` can be read; throws Interrupted after a signal.
void wait_readable(int descriptor, const Signals& signals);

}  // namespace jpki::tool
