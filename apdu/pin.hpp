// PINs: the only type that holds them, and the rules that are checked before a command.
#pragma once

#include "apdu/bytes.hpp"
#include "apdu/key_use.hpp"

#include <array>
#include <optional>

namespace jpki {

// A PIN as the card expects it (apdu/README.md: plain ASCII, no padding). Lives in its own storage, never on the heap, and is
// wiped in place at its end. It cannot be printed, compared or copied.
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

    // False, and nothing is added, if it is full.
    bool append(std::uint8_t byte) noexcept;

private:
    std::array<std::uint8_t, capacity> bytes_{};
    std::size_t size_ = 0;
};

enum class PinShape {
    good,
    wrong_length,      // not within pin_min..pin_max of facts.hpp
    wrong_alphabet,    // a character that the card's rules do not allow
    wrong_composition  // signature password for a change: the offices require letters and digits
};

// Checks `text` against the rules of `use` and, if good, puts it into `out` as the card expects it: the signature
// password in upper case (apdu/README.md, Rules for card holders). `out` must be empty.
PinShape take_pin(KeyUse use, ByteView text, Secret& out) noexcept;

// The same for a new PIN: additionally the composition that the offices require.
PinShape take_new_pin(KeyUse use, ByteView text, Secret& out) noexcept;

}  // namespace jpki
