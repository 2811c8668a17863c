// The session or slot that a thread's call is for: a consent to one signature depends on it (Token::consent).
#pragma once

#include "module/pkcs11.hpp"

namespace jpki {

struct Caller {
    CK_SLOT_ID slot = CK_UNAVAILABLE_INFORMATION;
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;  // of a function that takes a slot, none
};

// Of the calling thread: set when a C_* function finds its session (SessionTable::get) or its slot's card
// (SlotTable::insertion), that is, before any command to a card. Trivial, so that the module can be unloaded.
inline constinit thread_local Caller caller_of_this_thread{};

}  // namespace jpki
