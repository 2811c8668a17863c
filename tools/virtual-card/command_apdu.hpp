// A parsed command APDU (ISO 7816-4, 5.1), and the answer to one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace jpki::model {

struct CommandApdu {
    std::uint8_t cla = 0, ins = 0, p1 = 0, p2 = 0;
    std::span<const std::uint8_t> data;  // points into the command
    std::optional<std::size_t> le;       // bytes; an Le of zero on the wire is 256, or 65536 when extended
    bool extended = false;
};

// No value if the bytes match none of the seven cases.
std::optional<CommandApdu> parse_command(std::span<const std::uint8_t> bytes);

struct Reply {
    std::uint16_t status = 0x9000;
    std::vector<std::uint8_t> data = {};
};

std::vector<std::uint8_t> serialize(const Reply& reply);

// Status words of apdu/README.md, Commands.
namespace sw {
inline constexpr std::uint16_t ok = 0x9000, tries_left = 0x63C0, wrong_length = 0x6700, wrong_file_type = 0x6981,
                               not_verified = 0x6982, blocked_6983 = 0x6983, blocked_6984 = 0x6984, conditions = 0x6985,
                               no_current_file = 0x6986, bad_data = 0x6A80, not_found = 0x6A82, bad_p1p2 = 0x6A86,
                               bad_offset = 0x6B00, bad_ins = 0x6D00, bad_cla = 0x6E00, internal = 0x6F00;
}  // namespace sw

}  // namespace jpki::model
