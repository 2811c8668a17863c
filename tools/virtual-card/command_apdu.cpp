#include "command_apdu.hpp"

namespace jpki::model {

namespace {

using View = std::span<const std::uint8_t>;

std::size_t two_bytes(View bytes, std::size_t at) { return static_cast<std::size_t>(bytes[at] << 8 | bytes[at + 1]); }

bool parse_short(View body, CommandApdu& command) {
    if (body.size() == 1) {  // case 2
        command.le = body[0] == 0 ? 256 : body[0];
        return true;
    }
    const std::size_t lc = body[0];
    if (lc == 0 || (body.size() != 1 + lc && body.size() != 2 + lc)) return false;
    command.data = body.subspan(1, lc);                                            // case 3
    if (body.size() == 2 + lc) command.le = body.back() == 0 ? 256 : body.back();  // case 4
    return true;
}

bool parse_extended(View body, CommandApdu& command) {
    command.extended = true;
    const auto le = [](std::size_t value) { return value == 0 ? std::size_t{65536} : value; };
    if (body.size() == 3) {  // case 2
        command.le = le(two_bytes(body, 1));
        return true;
    }
    const std::size_t lc = two_bytes(body, 1);
    if (lc == 0 || (body.size() != 3 + lc && body.size() != 5 + lc)) return false;
    command.data = body.subspan(3, lc);                                   // case 3
    if (body.size() == 5 + lc) command.le = le(two_bytes(body, 3 + lc));  // case 4
    return true;
}

}  // namespace

std::optional<CommandApdu> parse_command(View bytes) {
    if (bytes.size() < 4) return std::nullopt;
    CommandApdu command;
    command.cla = bytes[0];
    command.ins = bytes[1];
    command.p1 = bytes[2];
    command.p2 = bytes[3];
    const View body = bytes.subspan(4);
    if (body.empty()) return command;  // case 1
    const bool extended = body.size() >= 3 && body[0] == 0;
    if (!(extended ? parse_extended(body, command) : parse_short(body, command))) return std::nullopt;
    return command;
}

std::vector<std::uint8_t> serialize(const Reply& reply) {
    std::vector<std::uint8_t> bytes = reply.data;
    bytes.push_back(static_cast<std::uint8_t>(reply.status >> 8));
    bytes.push_back(static_cast<std::uint8_t>(reply.status & 0xFF));
    return bytes;
}

}  // namespace jpki::model
