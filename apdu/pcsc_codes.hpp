// The return codes of PC/SC functions: their text, and what some of them mean for a connection.
#pragma once

#include <string>
#include <wintypes.h>

namespace jpki {

// "0x80100068".
std::string code_text(LONG rc);
// The card, its reader or the resource manager is gone.
bool means_removed(LONG rc) noexcept;
// The card was reset or powered off by another program.
bool means_reset(LONG rc) noexcept;

}  // namespace jpki
