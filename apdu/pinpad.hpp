// Readers with a PIN pad (PC/SC part 10): the PIN goes from the reader's keys to the card and never through the computer.
#pragma once

#include "apdu/card.hpp"
#include "apdu/pcsc_link.hpp"

#include <memory>

namespace jpki {

class PinPad {
public:
    // NULL when the reader has no FEATURE_VERIFY_PIN_DIRECT. Asks the reader, sends nothing to the card.
    static std::unique_ptr<PinPad> find(PcscLink& link);

    // As Card::verify and Card::change_pin. `cancelled` and `not_entered` are answers of the reader; the card was not asked.
    Card::VerifyAnswer verify(Card& card, KeyUse use, bool keep_last_try, Card::Holder hold);
    // Only where the reader has FEATURE_MODIFY_PIN_DIRECT.
    bool can_change() const noexcept { return modify_code_ != 0; }
    Card::ChangeAnswer change(Card& card, KeyUse use, bool keep_last_try);

    // PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE (PC/SC part 10, 2.5.2 and 2.5.3) as the reader's driver gets them, for the
    // PIN that `p2` names: packed, numbers in the host's byte order, the command's template at the end.
    static Bytes verify_structure(KeyUse use, std::uint8_t p2);
    static Bytes modify_structure(KeyUse use, std::uint8_t p2);

private:
    explicit PinPad(PcscLink& link) : link_(link) {}
    std::uint16_t send(std::uint32_t code, const Bytes& structure);

    PcscLink& link_;
    std::uint32_t verify_code_ = 0;
    std::uint32_t modify_code_ = 0;  // 0: the reader cannot
};

}  // namespace jpki
