#include "apdu/iso7816.hpp"

#include <array>

namespace jpki::iso7816 {

namespace {

constexpr std::uint8_t low(std::size_t value) noexcept { return static_cast<std::uint8_t>(value & 0xFF); }

}  // namespace

Command select_application(ByteView aid) { return Command(select_application_header, aid); }

Command select_ef(std::uint16_t id) {
    const std::array<std::uint8_t, 2> bytes = {low(id >> 8U), low(id)};
    return Command(select_ef_header, bytes);
}

// Bit 8 of P1 is clear: the other fifteen bits are the offset.
Command read_binary(std::size_t offset, std::size_t size) {
    return Command(read_binary_header(low(offset >> 8U & 0x7FU), low(offset)), {}, size);
}

Command read_binary_by_sfi(std::uint8_t sfi, std::size_t offset, std::size_t size) {
    return Command(read_binary_header(by_sfi(sfi), low(offset)), {}, size);
}

Command query_retry_counter(std::uint8_t reference, bool le) {
    return Command(verify_header(reference), {}, le ? std::optional(Command::le_max) : std::nullopt);
}

Command verify(std::uint8_t reference, ByteView pin) { return Command(verify_header(reference), pin); }

Command change_reference_data(std::uint8_t reference, ByteView new_pin) {
    return Command(change_reference_data_header(reference), new_pin);
}

Command compute_digital_signature(std::uint8_t p1, std::uint8_t reference, ByteView data) {
    return Command(sign_header(p1, reference), data, Command::le_max);
}

Command get_challenge(std::size_t size) { return Command(get_challenge_header, {}, size); }

Command get_response(std::size_t size) { return Command(get_response_header, {}, size); }

}  // namespace jpki::iso7816
