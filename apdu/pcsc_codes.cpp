#include "apdu/pcsc_codes.hpp"

#include "apdu/pcsc_context.hpp"

#include <cstdio>
#include <winscard.h>

namespace jpki {

// PC/SC's DWORD is 64 bits wide in pcsc-lite; its codes are 32 bits.
std::string code_text(LONG rc) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08lX", static_cast<unsigned long>(rc) & 0xFFFFFFFFUL);
    return text;
}

bool means_removed(LONG rc) noexcept {
    return rc == SCARD_W_REMOVED_CARD || rc == SCARD_E_NO_SMARTCARD || rc == SCARD_E_READER_UNAVAILABLE ||
           rc == SCARD_E_UNKNOWN_READER || rc == SCARD_E_NO_READERS_AVAILABLE || means_service_lost(rc) ||
           rc == SCARD_E_INVALID_VALUE;  // pcsc-lite's code for a handle whose reader was unplugged
}

bool means_reset(LONG rc) noexcept { return rc == SCARD_W_RESET_CARD || rc == SCARD_W_UNPOWERED_CARD; }

}  // namespace jpki
