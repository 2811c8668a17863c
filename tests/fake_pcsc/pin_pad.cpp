// PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE: parsed, and turned into a command (PC/SC part 10, 2.5.2 to 2.5.5).
#include "pin_pad.hpp"

#include <algorithm>

namespace jpki::fake::detail {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t verify_header = 19, modify_header = 24;
constexpr std::size_t apdu_header = 5;  // CLA INS P1 P2 Lc

unsigned little_endian(std::span<const std::uint8_t> at, std::size_t bytes) {
    unsigned value = 0;
    for (std::size_t i = bytes; i-- > 0;) value = value << 8 | at[i];
    return value;
}

std::uint16_t word(std::span<const std::uint8_t> at) { return static_cast<std::uint16_t>(little_endian(at, 2)); }

bool all_digits(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether a PIN block of the request fits into the template at `offset`.
bool block_fits(const PinPadRequest& request, unsigned offset) {
    const std::size_t data = request.apdu.size() - apdu_header;
    if (request.block_size() == 0) return data == 0 && offset == 0 && request.pin_position() == 0;
    return request.pin_position() + offset + request.block_size() <= data;
}

bool proper(const PinPadRequest& request) {
    // Positions in bits are for cards that pack a PIN across bytes; this pad supports whole bytes only.
    if ((request.format_string & 0x80) == 0 && request.pin_position() != 0) return false;
    if ((request.format_string & 0x03) == 0x03) return false;
    if (request.pin_length_format & 0xE0) return false;
    if (request.length_bits() != 0 && request.length_bits() != 8) return false;
    if (request.min_digits > request.max_digits || request.max_digits == 0) return false;
    // 1: maximum length reached, 2: validation key, 4: timeout. Without any of these the entry never ends.
    if (request.entry_validation == 0 || request.entry_validation > 7) return false;
    if (request.number_message > (request.modify ? 3 : 1) && request.number_message != 0xFF) return false;
    if (request.confirm > 3) return false;
    // The template is a command with Lc, which counts the data bytes, and no Le.
    if (request.apdu.size() < apdu_header || request.apdu[4] != request.apdu.size() - apdu_header) return false;
    if (request.length_bits() == 8) {
        const bool bytes = (request.pin_length_format & 0x10) != 0;
        const unsigned position = request.pin_length_format & 0x0F;
        if (!bytes && position % 8 != 0) return false;
        if ((bytes ? position : position / 8) >= request.apdu.size() - apdu_header) return false;
    }
    // A block without a size is as long as its PIN, so a second block has no position.
    if (request.modify && (request.confirm & 0x02) && request.block_size() == 0) return false;
    if (request.modify && (request.confirm & 0x02) && !block_fits(request, request.offset_old)) return false;
    return block_fits(request, request.offset_new);
}

Bytes coded(PinPadRequest::Coding coding, const std::string& pin) {
    Bytes result;
    switch (coding) {
    case PinPadRequest::Coding::ascii: result.assign(pin.begin(), pin.end()); break;
    case PinPadRequest::Coding::binary:
        for (const char c : pin) result.push_back(static_cast<std::uint8_t>(c - '0'));
        break;
    case PinPadRequest::Coding::bcd:
        for (std::size_t i = 0; i < pin.size(); i += 2) {
            const int high = pin[i] - '0', low = i + 1 < pin.size() ? pin[i + 1] - '0' : 0x0F;
            result.push_back(static_cast<std::uint8_t>(high << 4 | low));
        }
        break;
    }
    return result;
}

// False if the PIN is longer than its block.
bool put(const PinPadRequest& request, const std::string& pin, unsigned offset, Bytes& command) {
    const Bytes block = coded(request.coding(), pin);
    if (request.block_size() == 0) {
        command.insert(command.end(), block.begin(), block.end());
        command[4] = static_cast<std::uint8_t>(command.size() - apdu_header);
    } else {
        // The rest of the block keeps the template's filler.
        if (block.size() > request.block_size()) return false;
        const std::size_t begin =
            apdu_header + request.pin_position() + offset + (request.right_justified() ? request.block_size() - block.size() : 0);
        std::copy(block.begin(), block.end(), command.begin() + static_cast<std::ptrdiff_t>(begin));
    }
    if (request.length_bits() == 8) {
        const unsigned position = request.pin_length_format & 0x0F;
        command[apdu_header + ((request.pin_length_format & 0x10) ? position : position / 8)] =
            static_cast<std::uint8_t>(pin.size());
    }
    return true;
}

}  // namespace

std::optional<PinPadRequest> parse_verify(std::span<const std::uint8_t> in) {
    if (in.size() < verify_header || little_endian(in.subspan(15), 4) != in.size() - verify_header) return std::nullopt;
    PinPadRequest r;
    r.timeout = in[0];
    r.timeout2 = in[1];
    r.format_string = in[2];
    r.pin_block_string = in[3];
    r.pin_length_format = in[4];
    r.max_digits = in[5];  // wPINMaxExtraDigit is 0xXXYY, XX minimum, YY maximum, in host order
    r.min_digits = in[6];
    r.entry_validation = in[7];
    r.number_message = in[8];
    r.lang_id = word(in.subspan(9));
    r.message_indexes = {in[11]};
    r.teo_prologue.assign(in.begin() + 12, in.begin() + 15);
    r.apdu.assign(in.begin() + verify_header, in.end());
    if (!proper(r)) return std::nullopt;
    return r;
}

std::optional<PinPadRequest> parse_modify(std::span<const std::uint8_t> in) {
    if (in.size() < modify_header || little_endian(in.subspan(20), 4) != in.size() - modify_header) return std::nullopt;
    PinPadRequest r;
    r.modify = true;
    r.timeout = in[0];
    r.timeout2 = in[1];
    r.format_string = in[2];
    r.pin_block_string = in[3];
    r.pin_length_format = in[4];
    r.offset_old = in[5];
    r.offset_new = in[6];
    r.max_digits = in[7];
    r.min_digits = in[8];
    r.confirm = in[9];
    r.entry_validation = in[10];
    r.number_message = in[11];
    r.lang_id = word(in.subspan(12));
    r.message_indexes.assign(in.begin() + 14, in.begin() + 17);
    r.teo_prologue.assign(in.begin() + 17, in.begin() + 20);
    r.apdu.assign(in.begin() + modify_header, in.end());
    if (!proper(r)) return std::nullopt;
    return r;
}

PadResult type_pin(const PinPad& pad, const PinPadRequest& request, const PinEntry& entry) {
    constexpr std::uint16_t timeout = 0x6400, cancelled = 0x6401, mismatch = 0x6402, wrong_length = 0x6403;
    if (entry.what == PinEntry::What::cancels) return {{}, cancelled};
    if (entry.what == PinEntry::What::goes_away) return {{}, timeout};

    std::vector<std::string> typed;
    const bool asks_current = !request.modify || (request.confirm & 0x02);
    if (asks_current) typed.push_back(entry.pin);
    if (request.modify) typed.push_back(entry.new_pin);
    for (const std::string& pin : typed) {
        const bool digits_only = !pad.has_letters || request.coding() != PinPadRequest::Coding::ascii;
        if (digits_only && !all_digits(pin)) return {{}, timeout};
        if (pin.size() > request.max_digits) return {{}, wrong_length};
        if (pin.size() < request.max_digits && (request.entry_validation & 0x06) == 0) return {{}, timeout};
        if (pin.size() < request.min_digits) return {{}, wrong_length};
    }
    if (request.modify && (request.confirm & 0x01) && entry.again.value_or(entry.new_pin) != entry.new_pin) return {{}, mismatch};

    PadResult result{request.apdu, 0};
    bool fits = true;
    if (!request.modify) {
        fits = put(request, entry.pin, 0, result.command);
    } else {
        if (asks_current) fits = put(request, entry.pin, request.offset_old, result.command);
        fits = fits && put(request, entry.new_pin, request.offset_new, result.command);
    }
    if (!fits) return {{}, wrong_length};
    return result;
}

}  // namespace jpki::fake::detail
