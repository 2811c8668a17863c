// Readers with a PIN pad (PC/SC part 10): the PIN goes from the reader's keys to the card and not through the computer.
#pragma once

#include "apdu/pcsc_link.hpp"
#include "apdu/pin_source.hpp"

#include <memory>

namespace jpki {

class PinPad {
public:
    // NULL if the reader has no FEATURE_VERIFY_PIN_DIRECT. Asks the reader, sends nothing to the card.
    static std::unique_ptr<PinPad> find(PcscLink& link);

    // Whether the reader has FEATURE_MODIFY_PIN_DIRECT.
    bool can_change() const noexcept { return modify_code_ != 0; }
    // The reader asks for the PIN that P2 names, sends the VERIFY, and passes on the status word, or one of its own (sw::pad_*).
    // Throws TransportFault when the reader fails: whether the card saw the PIN is not known then.
    std::uint16_t verify(KeyUse use, std::uint8_t p2) { return send(verify_code_, verify_structure(use, p2)); }
    // The same for CHANGE REFERENCE DATA. Only where can_change().
    std::uint16_t change(KeyUse use, std::uint8_t p2) { return send(modify_code_, modify_structure(use, p2)); }

    // PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE (PC/SC part 10, 2.5.2 and 2.5.3) as the reader's driver gets them, for the
    // PIN that `p2` names: packed, numbers in the host's byte order, the command's template at the end.
    static Bytes verify_structure(KeyUse use, std::uint8_t p2);
    static Bytes modify_structure(KeyUse use, std::uint8_t p2);

private:
    explicit PinPad(PcscLink& link) : link_(link) {}
    std::uint16_t send(std::uint32_t code, const Bytes& structure);

    PcscLink& link_;
    std::uint32_t verify_code_ = 0;
    std::uint32_t modify_code_ = 0;  // 0: not supported by the reader
};

// A PIN typed on the reader's keys. `cancelled` and `not_entered` are answers of the reader: the card was not asked.
class PadPin final : public PinSource {
public:
    explicit PadPin(PinPad& pad) noexcept : pad_(pad) {}

    PinAnswer verify(Applet applet, KeyUse use) override;
    PinAnswer::Kind change(Applet applet, KeyUse use) override;

private:
    PinPad& pad_;
    std::uint8_t reference_ = 0;  // of the PIN that was verified
};

}  // namespace jpki
