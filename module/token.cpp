// What C_GetTokenInfo shows of a token.
#include "module/token.hpp"

#include "module/insertion.hpp"

namespace jpki {

Token::Token(Services& services, Insertion& insertion, Role role)
    : services_(services), insertion_(insertion), role_(role), rejected_(services.crypto) {}

Token::~Token() = default;

Card& Token::card() noexcept { return insertion_.card(); }

PinPad* Token::pad() { return insertion_.pad(role_); }

void Token::require_offered() {
    if (!known_absent()) card().says_it_has(role_);
    require(!known_absent(), CKR_TOKEN_NOT_PRESENT);
}

bool Token::known_absent() const noexcept { return insertion_.card().known_absent(role_); }

std::string Token::serial_number() {
    // A hash: the certificate's own serial number is a lasting identifier of a person, and what a token shows ends up in
    // URIs and logs. The same for both roles.
    const auto digest = services_.crypto.sha256(card().identity());
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < 8; ++i) {
        text += digits[digest[i] >> 4];
        text += digits[digest[i] & 15];
    }
    return text;
}

CK_FLAGS Token::pin_flags() {
    CK_FLAGS flags = pad() ? CKF_PROTECTED_AUTHENTICATION_PATH : 0;
    // A card that says nothing of this PIN says nothing that is to be shown; its certificates and its other role serve on.
    // In order with the PINs that are sent, so that no older count is taken for a newer one; while one is sent, its answer is news
    // enough.
    const std::unique_lock no_pin_under_way(login_mutex_, std::try_to_lock);
    const TriesAnswer left = card().tries(role_, tries_age_max);
    if (!left) return flags;
    if (no_pin_under_way) {
        const std::scoped_lock lock(mutex_);
        rejected_.heard(*left);
    }
    if (*left == 0) return flags | CKF_USER_PIN_LOCKED;
    if (*left == 1) flags |= CKF_USER_PIN_FINAL_TRY;
    if (*left < facts_of(role_).tries_max) flags |= CKF_USER_PIN_COUNT_LOW;
    return flags;
}

}  // namespace jpki
