// What C_GetTokenInfo shows of a token.
#include "module/token.hpp"

#include "module/insertion.hpp"

namespace jpki {

Token::Token(Services& services, Insertion& insertion, KeyUse use)
    : services_(services), insertion_(insertion), use_(use), rejected_(services.crypto) {}

Token::~Token() = default;

Card& Token::card() noexcept { return insertion_.card(); }

PinPad* Token::pad() { return insertion_.pad(use_); }

namespace {

// A hash: the certificate's own serial number is a lasting identifier of a person, and token information ends up in
// URIs and logs. The same for both keys.
std::string serial_number_of(const Crypto& crypto, ByteView identity) {
    const auto digest = crypto.sha256(identity);
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < 8; ++i) {
        text += digits[digest[i] >> 4];
        text += digits[digest[i] & 15];
    }
    return text;
}

// A card without an answer for this PIN has no flags to show; its certificates and its other key still work.
CK_FLAGS pin_flags_of(KeyUse use, TriesAnswer left) {
    if (!left) return 0;
    if (*left == 0) return CKF_USER_PIN_LOCKED;
    return (*left == 1 ? CKF_USER_PIN_FINAL_TRY : 0) | (*left < facts_of(use).tries_max ? CKF_USER_PIN_COUNT_LOW : 0);
}

}  // namespace

Token::Overview Token::overview() {
    // In order with the PINs that are sent, so that no older count replaces a newer one; during a VERIFY, its answer is
    // new enough.
    Card::Overview seen;
    if (login_mutex_.try_lock()) {
        const MutexLock no_pin_under_way(login_mutex_, std::adopt_lock);
        seen = card().overview(use_, tries_age_max);
        if (seen.has_key && seen.tries) {
            const MutexLock lock(mutex_);
            rejected_.heard(*seen.tries);
        }
    } else {
        seen = card().overview(use_, tries_age_max);
    }
    require(seen.has_key, CKR_TOKEN_NOT_PRESENT);
    return {serial_number_of(services_.crypto, seen.identity),
            pin_flags_of(use_, seen.tries) | (pad() ? CKF_PROTECTED_AUTHENTICATION_PATH : 0)};
}

}  // namespace jpki
