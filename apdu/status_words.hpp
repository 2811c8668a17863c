// Status words by name (ISO/IEC 7816-4, 5.1.3, tables 5 and 6).
#pragma once

#include <cstdint>

namespace jpki::sw {

inline constexpr std::uint16_t ok = 0x9000;
inline constexpr std::uint16_t end_of_file_before_le = 0x6282;
inline constexpr std::uint16_t wrong_length = 0x6700;
inline constexpr std::uint16_t incompatible_file_structure = 0x6981;
inline constexpr std::uint16_t security_status_not_satisfied = 0x6982;
inline constexpr std::uint16_t authentication_method_blocked = 0x6983;
inline constexpr std::uint16_t reference_data_not_usable = 0x6984;
inline constexpr std::uint16_t conditions_not_satisfied = 0x6985;
inline constexpr std::uint16_t no_current_ef = 0x6986;
inline constexpr std::uint16_t incorrect_data = 0x6A80;
inline constexpr std::uint16_t function_not_supported = 0x6A81;
inline constexpr std::uint16_t file_not_found = 0x6A82;
inline constexpr std::uint16_t record_not_found = 0x6A83;
inline constexpr std::uint16_t incorrect_p1_p2 = 0x6A86;
inline constexpr std::uint16_t referenced_data_not_found = 0x6A88;
inline constexpr std::uint16_t wrong_offset = 0x6B00;
inline constexpr std::uint16_t instruction_not_supported = 0x6D00;
inline constexpr std::uint16_t class_not_supported = 0x6E00;
inline constexpr std::uint16_t no_precise_diagnosis = 0x6F00;

// Status words of a reader with a PIN pad (PC/SC part 10, 2.5.2).
inline constexpr std::uint16_t pad_timeout = 0x6400;
inline constexpr std::uint16_t pad_cancelled = 0x6401;
inline constexpr std::uint16_t pad_pins_differ = 0x6402;
inline constexpr std::uint16_t pad_pin_size = 0x6403;

constexpr std::uint8_t sw1(std::uint16_t status) noexcept { return static_cast<std::uint8_t>(status >> 8); }
constexpr std::uint8_t sw2(std::uint16_t status) noexcept { return static_cast<std::uint8_t>(status & 0xFF); }

// 61xx: xx more bytes are available by GET RESPONSE (00: 256 or more).
constexpr bool announces_more(std::uint16_t status) noexcept { return sw1(status) == 0x61; }
// 6Cxx: repeat the command with Le = xx.
constexpr bool asks_for_other_le(std::uint16_t status) noexcept { return sw1(status) == 0x6C; }
// Everything but success, 61xx and the warnings 62xx and 63xx.
constexpr bool is_error(std::uint16_t status) noexcept { return status != ok && sw1(status) >= 0x64; }

// 63Cx: x tries left. Only this form is a retry counter; the low digit of any other status word means nothing.
constexpr bool counts_tries(std::uint16_t status) noexcept { return (status & 0xFFF0) == 0x63C0; }
// The x of 63Cx.
constexpr int tries_in(std::uint16_t status) noexcept { return status & 0x0F; }
// No try is left: 63C0, and the answers of cards to a PIN that was blocked before.
constexpr bool is_blocked(std::uint16_t status) noexcept {
    return (counts_tries(status) && tries_in(status) == 0) || status == authentication_method_blocked ||
           status == reference_data_not_usable;
}

// Checking errors (table 5): no such reference, file or parameter here. The command was not executed.
constexpr bool says_no_such_reference(std::uint16_t status) noexcept {
    switch (status) {
    case file_not_found:
    case incorrect_data:
    case function_not_supported:
    case record_not_found:
    case incorrect_p1_p2:
    case referenced_data_not_found:
    case wrong_offset:
    case incompatible_file_structure:
    case conditions_not_satisfied:
    case no_current_ef:
    case wrong_length:
    case instruction_not_supported:
    case class_not_supported: return true;
    default: return false;
    }
}

// All answers of a card to a READ BINARY of a missing file, or beyond its end.
constexpr bool says_nothing_to_read(std::uint16_t status) noexcept {
    return status == file_not_found || status == no_current_ef || status == wrong_offset || status == incorrect_p1_p2 ||
           status == referenced_data_not_found || status == conditions_not_satisfied;
}

}  // namespace jpki::sw
