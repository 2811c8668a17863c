// Objects that exist from C_Initialize to C_Finalize and are used everywhere below it.
#pragma once

#include "apdu/log.hpp"
#include "module/crypto.hpp"
#include "module/pkcs11.hpp"
#include "module/settings.hpp"

#include <atomic>

namespace jpki {

class OpenCards;

struct Services {
    explicit Services(OpenCards& open_cards_) : open_cards(open_cards_) {}

    OpenCards& open_cards;  // of the process, which exists longer
    Settings settings;
    Log log;
    Crypto crypto;
    bool may_create_threads = false;  // CKF_LIBRARY_CANT_CREATE_OS_THREADS was not set

    // A consent to a signature may be pending (Token::consent).
    std::atomic<bool> consent_given = false;

    // Handles of sessions and objects: counted, never 0 (CK_INVALID_HANDLE), and never reused in this process, not even after
    // C_Finalize. Where two parts of a program share the module, one of them may finalise it: a PIN that the other then gives
    // for its old session must not reach the card of a new one.
    static CK_ULONG next_handle() noexcept { return handles_.fetch_add(1, std::memory_order_relaxed) + 1; }

private:
    static inline std::atomic<CK_ULONG> handles_ = 0;
};

}  // namespace jpki
