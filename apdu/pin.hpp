// PINs: the one type that holds them, and the rules that are checked before a card is touched.
#pragma once

#include "apdu/bytes.hpp"
#include "apdu/key_use.hpp"

#include <array>
#include <optional>

namespace jpki {

// A PIN as the card wants it (apdu/README.md: plain ASCII, no padding). Lives in its own storage, never on the heap, and is
// wiped where it stood when it goes. There is no way to print, compare or copy it.
class Secret {
public:
    static constexpr std::size_t capacity = 16;

    Secret() noexcept = default;
    ~Secret() { wipe(); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    ByteView view() const noexcept { return {bytes_.data(), size_}; }
    std::size_t size() const noexcept { return size_; }
    void wipe() noexcept;

    // False, and nothing is added, when it is full.
    bool append(std::uint8_t byte) noexcept;

private:
    std::array<std::uint8_t, capacity> bytes_{};
    std::size_t size_ = 0;
};

enum class PinShape {
    good,
    wrong_length,      // not within pin_min..pin_max of facts.hpp
    wrong_alphabet,    // a character that the card's rules do not know
    wrong_composition  // signature password for a change: the offices ask for letters and digits both
};

// Checks `text` against the rules of `use` and, when good, puts it into `out` as the card wants it: the signature
// password with lower case raised (apdu/README.md, Rules for card holders). `out` must be empty.
PinShape take_pin(KeyUse use, ByteView text, Secret& out) noexcept;

// The same for a PIN that must be set: additionally the composition that the offices ask for.
PinShape take_new_pin(KeyUse use, ByteView text, Secret& out) noexcept;

}  // namespace jpki
