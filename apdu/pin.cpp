#include "apdu/pin.hpp"

#include "apdu/facts.hpp"

#include <openssl/crypto.h>

namespace jpki {

namespace {

constexpr bool is_digit(std::uint8_t c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_upper(std::uint8_t c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(std::uint8_t c) noexcept { return c >= 'a' && c <= 'z'; }

}  // namespace

void Secret::wipe() noexcept {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
    size_ = 0;
}

bool Secret::append(std::uint8_t byte) noexcept {
    if (size_ == capacity) return false;
    bytes_[size_++] = byte;
    return true;
}

PinShape take_pin(KeyUse use, ByteView text, Secret& out) noexcept {
    const KeyFacts& facts = facts_of(use);
    if (text.size() < facts.pin_min || text.size() > facts.pin_max) return PinShape::wrong_length;
    for (std::uint8_t c : text) {
        if (use == KeyUse::signature && is_lower(c)) c = static_cast<std::uint8_t>(c - 'a' + 'A');
        if (!is_digit(c) && !(use == KeyUse::signature && is_upper(c))) {
            out.wipe();
            return PinShape::wrong_alphabet;
        }
        out.append(c);
    }
    return PinShape::good;
}

PinShape take_new_pin(KeyUse use, ByteView text, Secret& out) noexcept {
    const PinShape shape = take_pin(use, text, out);
    if (shape != PinShape::good || use == KeyUse::authentication) return shape;
    bool letters = false;
    bool digits = false;
    for (const std::uint8_t c : out.view()) (is_digit(c) ? digits : letters) = true;
    if (letters && digits) return PinShape::good;
    out.wipe();
    return PinShape::wrong_composition;
}

}  // namespace jpki
