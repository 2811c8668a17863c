// The PINs that a card rejected, so that none is sent to it twice.
#pragma once

#include "apdu/bytes.hpp"
#include "module/crypto.hpp"

#include <array>

namespace jpki {

// Stores a PIN as its HMAC-SHA-256 under a random key. With key and HMAC an attacker finds a 4-digit PIN in 10,000 guesses:
// both are on their own memory page, which is locked (mlock), excluded from core dumps (MADV_DONTDUMP), zero in a child
// after fork (MADV_WIPEONFORK), and wiped when they are not needed any more.
//
// A rejected PIN may be right after the holder has changed it, in another program or at the office. The card
// shows it by its retry counter, which rises only when the right PIN was given: a count that is higher than it could be
// otherwise clears the list.
//
// Not thread-safe. Keeps the last 16; the card blocks after 3 or 5 (apdu/README.md, Rules for card holders).
class RejectedPins {
public:
    explicit RejectedPins(const Crypto& crypto) noexcept : crypto_(crypto) {}
    ~RejectedPins();
    RejectedPins(const RejectedPins&) = delete;
    RejectedPins& operator=(const RejectedPins&) = delete;

    // The comparison value of a PIN. Wiped in place at its end.
    struct Print {
        std::array<std::uint8_t, 32> mac{};
        Print() = default;
        Print(const Print&) = default;
        Print& operator=(const Print&) = default;
        ~Print();
    };
    // For a PIN that is about to be sent. Valid until clear(), or heard() with a higher count. Throws std::bad_alloc and
    // std::runtime_error (no random bytes, no HMAC); add() cannot fail after it.
    Print print(ByteView pin);
    bool contains(const Print& print) const noexcept;

    // The card rejected that PIN and has `tries_left` tries left (1..15).
    void add(const Print& print, int tries_left) noexcept;
    // The card rejected a PIN that was entered at the reader.
    void rejected_unknown(int tries_left) noexcept;
    // The retry counter query returned `tries_left`.
    void heard(int tries_left) noexcept;
    // A PIN was accepted or changed. Wipes everything, the key too.
    void clear() noexcept;

private:
    struct Page;

    const Crypto& crypto_;
    Page* page_ = nullptr;
};

}  // namespace jpki
