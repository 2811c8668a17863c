// A command as log text: nothing that may be a PIN is printed, not even from a malformed command.
#include "card_model.hpp"

#include "command_apdu.hpp"

#include <algorithm>

namespace jpki::model {

std::string masked(ByteView command) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::size_t shown = command.size();
    const bool tries_query = command.size() == 4 || (command.size() == 5 && command[4] == 0);
    if (command.size() > 1 && (command[1] == 0x20 || command[1] == 0x24) && !tries_query) {
        shown = std::min<std::size_t>(command.size(), 4);
        // Lc is printed only where it is one; in a malformed command a digit of the PIN may be in its place. A last byte
        // that parses as Le is masked for the same reason.
        const auto parsed = parse_command(command);
        if (parsed && !parsed->data.empty()) shown = static_cast<std::size_t>(parsed->data.data() - command.data());
    }

    std::string text;
    for (std::size_t i = 0; i < command.size(); ++i) {
        if (i > 0) text += ' ';
        if (i >= shown) {
            text += "**";
        } else {
            text += digits[command[i] >> 4];
            text += digits[command[i] & 0x0F];
        }
    }
    return text;
}

}  // namespace jpki::model
