// A reader's PIN pad: its features, its user's entries, its requests (PC/SC part 10, 2.5).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace jpki::fake {

struct PinPad {
    bool can_verify = true;    // FEATURE_VERIFY_PIN_DIRECT
    bool can_modify = true;    // FEATURE_MODIFY_PIN_DIRECT
    bool has_letters = false;  // a user of a pad without letters cannot enter a password with letters: timeout
    // Further features that the reader lists, and the answers to their control codes, e.g. FEATURE_GET_TLV_PROPERTIES.
    std::map<std::uint8_t, std::vector<std::uint8_t>> others = {};
    std::size_t features_cut = 0;  // bytes missing at the end of the list of features
};

struct PinEntry {
    enum class What { types, cancels, goes_away } what = What::types;
    std::string pin;  // for a verify; for a modify that requests it, the current PIN
    std::string new_pin = {};
    std::optional<std::string> again = {};  // entered as confirmation; no value: the same as new_pin
    std::function<void()> meanwhile = {};   // called during the entry, for example to remove the card

    static PinEntry typed(std::string pin) { return {What::types, std::move(pin)}; }
    static PinEntry changed(std::string old_pin, std::string new_pin) {
        return {What::types, std::move(old_pin), std::move(new_pin)};
    }
    static PinEntry cancelled() { return {What::cancels, {}}; }
    static PinEntry gone_away() { return {What::goes_away, {}}; }
};

// One request to the pad, field by field, in the spelling of PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE.
struct PinPadRequest {
    bool modify = false;
    std::uint8_t timeout = 0, timeout2 = 0, format_string = 0, pin_block_string = 0, pin_length_format = 0;
    std::uint8_t offset_old = 0, offset_new = 0, confirm = 0;  // modify only
    std::uint8_t min_digits = 0, max_digits = 0;
    std::uint8_t entry_validation = 0, number_message = 0;
    std::uint16_t lang_id = 0;
    std::vector<std::uint8_t> message_indexes, teo_prologue;
    std::vector<std::uint8_t> apdu;  // the template
    std::vector<std::uint8_t> sent;  // the command to the card; empty: none
    std::uint16_t status = 0;        // the caller's result; 0 if the card's answer was lost

    // The parts of the format string.
    unsigned pin_position() const { return (format_string >> 3) & 0x0F; }  // bytes after Lc; parse() checks the unit
    bool right_justified() const { return (format_string & 0x04) != 0; }
    enum class Coding { binary, bcd, ascii };
    Coding coding() const { return static_cast<Coding>(format_string & 0x03); }
    unsigned block_size() const { return pin_block_string & 0x0F; }  // 0: as long as the PIN
    unsigned length_bits() const { return pin_block_string >> 4; }
};

namespace detail {

// Strict: no value for a structure that violates any part of the standard.
std::optional<PinPadRequest> parse_verify(std::span<const std::uint8_t> structure);
std::optional<PinPadRequest> parse_modify(std::span<const std::uint8_t> structure);

// The pad's result for the user's entry: a command for the card, or a status word of its own
// (6400 timeout, 6401 cancelled, 6402 the two entries of the new PIN differ, 6403 too short or too long).
struct PadResult {
    std::vector<std::uint8_t> command;
    std::uint16_t status = 0;
};
PadResult type_pin(const PinPad& pad, const PinPadRequest& request, const PinEntry& entry);

}  // namespace detail

}  // namespace jpki::fake
