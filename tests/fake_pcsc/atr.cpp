// The protocols that an ATR offers (ISO/IEC 7816-3, 8.2), as far as pcscd needs them to choose one.
#include "service.hpp"

namespace jpki::fake::detail {

DWORD protocols_of(const Bytes& atr) {
    if (atr.size() < 2 || (atr[0] != 0x3B && atr[0] != 0x3F)) return SCARD_PROTOCOL_UNDEFINED;
    DWORD available = SCARD_PROTOCOL_UNDEFINED;
    unsigned present = atr[1] >> 4;
    std::size_t at = 2;
    for (int index = 1; present != 0; ++index) {
        const bool has_ta = (present & 1) != 0, has_td = (present & 8) != 0;
        const std::size_t ta = at;
        at += (present & 1) + (present >> 1 & 1) + (present >> 2 & 1);
        if (at + (has_td ? 1 : 0) > atr.size()) break;
        present = 0;
        if (has_td) {
            const unsigned protocol = atr[at] & 0x0F;
            if (protocol == 0) available |= SCARD_PROTOCOL_T0;
            if (protocol == 1) available |= SCARD_PROTOCOL_T1;
            present = atr[at] >> 4;
            ++at;
        }
        // TA2 is present: specific mode, no choice.
        if (index == 2 && has_ta) return (atr[ta] & 0x0F) == 0 ? SCARD_PROTOCOL_T0 : SCARD_PROTOCOL_T1;
    }
    return available == SCARD_PROTOCOL_UNDEFINED ? SCARD_PROTOCOL_T0 : available;
}

}  // namespace jpki::fake::detail
