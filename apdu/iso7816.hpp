// Commands of ISO/IEC 7816-4 and 7816-8 by name, as far as this project sends them; the answers are in status_words.hpp.
// Independent of an application: files and PINs are in facts.hpp.
#pragma once

#include "apdu/command.hpp"
#include "apdu/status_words.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace jpki::iso7816 {

// Instruction bytes (ISO/IEC 7816-4, 4.2; COMPUTE DIGITAL SIGNATURE: PERFORM SECURITY OPERATION of 7816-8).
namespace ins {
inline constexpr std::uint8_t verify = 0x20;
inline constexpr std::uint8_t change_reference_data = 0x24;
inline constexpr std::uint8_t perform_security_operation = 0x2A;
inline constexpr std::uint8_t get_challenge = 0x84;
inline constexpr std::uint8_t select = 0xA4;
inline constexpr std::uint8_t read_binary = 0xB0;
inline constexpr std::uint8_t get_response = 0xC0;
}  // namespace ins

// The headers that all uses of a command share; class 00 except for the signature, which is proprietary on the JPKI card.
inline constexpr Header select_application_header = {0x00, ins::select, 0x04, 0x0C};
inline constexpr Header select_ef_header = {0x00, ins::select, 0x02, 0x0C};
constexpr Header read_binary_header(std::uint8_t p1, std::uint8_t p2) noexcept { return {0x00, ins::read_binary, p1, p2}; }
constexpr Header verify_header(std::uint8_t reference) noexcept { return {0x00, ins::verify, 0x00, reference}; }
// P1 = 01: the data is the new PIN only; the old one was verified before.
constexpr Header change_reference_data_header(std::uint8_t reference) noexcept {
    return {0x00, ins::change_reference_data, 0x01, reference};
}
inline constexpr Header get_challenge_header = {0x00, ins::get_challenge, 0x00, 0x00};
inline constexpr Header get_response_header = {0x00, ins::get_response, 0x00, 0x00};
constexpr Header sign_header(std::uint8_t p1, std::uint8_t reference) noexcept {
    return {0x80, ins::perform_security_operation, p1, reference};
}

// P2 for "the selected file"; with a short file identifier (1..30) added, that file.
inline constexpr std::uint8_t current_file = 0x80;
constexpr std::uint8_t by_sfi(std::uint8_t sfi) noexcept { return static_cast<std::uint8_t>(current_file | sfi); }

// SELECT by AID (1..16 bytes), without answer data. Reading commands throw std::invalid_argument unless `size` is 1..256.
Command select_application(ByteView aid);
// SELECT of an EF below the current application by its two-byte identifier.
Command select_ef(std::uint16_t id);
// READ BINARY of the current file from `offset` (0..32767).
Command read_binary(std::size_t offset, std::size_t size);
// READ BINARY of the file with that short identifier from `offset` (0..255).
Command read_binary_by_sfi(std::uint8_t sfi, std::size_t offset, std::size_t size);
// VERIFY without data: queries the retry counter, costs no try. `le`: with a fifth byte 00, which is Le and not an empty PIN.
Command query_retry_counter(std::uint8_t reference, bool le);
// VERIFY with the PIN's bytes (1..255).
Command verify(std::uint8_t reference, ByteView pin);
// CHANGE REFERENCE DATA to the new PIN's bytes (1..255), after a VERIFY of the old ones.
Command change_reference_data(std::uint8_t reference, ByteView new_pin);
// The sign command; `p1` says how the card pads `data` (1..255 bytes).
Command compute_digital_signature(std::uint8_t p1, std::uint8_t reference, ByteView data);
// GET CHALLENGE of `size` random bytes (1..256).
Command get_challenge(std::size_t size);
// GET RESPONSE for the data that a status word 61xx announced.
Command get_response(std::size_t size);

}  // namespace jpki::iso7816
