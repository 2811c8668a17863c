#include "apdu/pinpad.hpp"

#include "apdu/errors.hpp"
#include "apdu/iso7816.hpp"
#include "apdu/pcsc_codes.hpp"

#include <array>
#include <cstring>
#include <reader.h>

namespace jpki {

namespace {

// PC/SC part 10, 2.5.2 and 2.5.4: seconds until the first key, and between keys.
constexpr std::uint8_t timeout_first = 30;
constexpr std::uint8_t timeout_next = 30;
// bmFormatString: ASCII, left justified, position counted in bytes from the beginning of the data field.
constexpr std::uint8_t format_ascii = 0x82;
constexpr std::uint8_t no_length_field = 0x00;
constexpr std::uint8_t ended_by_the_enter_key = 0x02;
constexpr std::uint16_t language = 0x0411;  // Japanese
constexpr std::uint8_t filler = 0xFF;

// Numbers are in the host's byte order (PC/SC part 10, 2.5.1: the driver converts them for the reader).
template <class Number> void append(Bytes& to, Number value) {
    std::array<std::uint8_t, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    to.insert(to.end(), bytes.begin(), bytes.end());
}

// PIN block: of the PIN's size if that is fixed (four digits), else as long as the entry.
std::uint8_t block_size(const KeyFacts& facts) { return facts.pin_min == facts.pin_max ? facts.pin_max : 0; }

std::uint16_t digits(const KeyFacts& facts) {  // wPINMaxExtraDigit: minimum in the high byte, maximum in the low
    return static_cast<std::uint16_t>(facts.pin_min << 8 | facts.pin_max);
}

// The command with room for the PIN, into which the reader puts the entry.
void append_template(Bytes& to, Header header, const KeyFacts& facts) {
    Bytes command = {header.cla, header.ins, header.p1, header.p2};
    const std::uint8_t size = block_size(facts);
    command.push_back(size);
    command.insert(command.end(), size, filler);
    append<std::uint32_t>(to, static_cast<std::uint32_t>(command.size()));
    to.insert(to.end(), command.begin(), command.end());
}

}  // namespace

std::unique_ptr<PinPad> PinPad::find(PcscLink& link) {
    std::array<std::uint8_t, 256> answer;
    LONG rc = 0;
    const std::size_t size = link.control(CM_IOCTL_GET_FEATURE_REQUEST, {}, answer, rc);
    std::unique_ptr<PinPad> pad(new PinPad(link));
    // Tag, length, four bytes of control code, most significant first.
    for (std::size_t at = 0; at + 2 <= size; at += 2u + answer[at + 1]) {
        if (answer[at + 1] != 4 || at + 6 > size) continue;
        const std::uint32_t code = static_cast<std::uint32_t>(answer[at + 2]) << 24 |
                                   static_cast<std::uint32_t>(answer[at + 3]) << 16 |
                                   static_cast<std::uint32_t>(answer[at + 4]) << 8 | answer[at + 5];
        if (answer[at] == FEATURE_VERIFY_PIN_DIRECT) pad->verify_code_ = code;
        if (answer[at] == FEATURE_MODIFY_PIN_DIRECT) pad->modify_code_ = code;
    }
    if (pad->verify_code_ == 0) return nullptr;
    return pad;
}

std::uint16_t PinPad::send(std::uint32_t code, const Bytes& structure) {
    std::array<std::uint8_t, 64> answer;
    LONG rc = 0;
    const std::size_t size = link_.control(code, structure, answer, rc);
    // It is not known whether the card got the PIN; nothing is repeated.
    if (rc != SCARD_S_SUCCESS) throw TransportFault("PIN pad of the reader failed: PC/SC error " + code_text(rc));
    if (size < 2) throw TransportFault("PIN pad of the reader failed: answer without a status word");
    return static_cast<std::uint16_t>(answer[size - 2] << 8 | answer[size - 1]);
}

Bytes PinPad::verify_structure(KeyUse use, std::uint8_t p2) {
    const KeyFacts& facts = facts_of(use);
    Bytes s = {timeout_first, timeout_next, format_ascii, block_size(facts), no_length_field};
    append<std::uint16_t>(s, digits(facts));
    s.push_back(ended_by_the_enter_key);
    s.push_back(1);  // bNumberMessage: one message, "enter PIN"
    append<std::uint16_t>(s, language);
    s.push_back(0);           // bMsgIndex
    s.insert(s.end(), 3, 0);  // bTeoPrologue
    append_template(s, iso7816::verify_header(p2), facts);
    return s;
}

Bytes PinPad::modify_structure(KeyUse use, std::uint8_t p2) {
    const KeyFacts& facts = facts_of(use);
    // The card's command contains the new PIN only: the old one was verified just before.
    Bytes s = {timeout_first, timeout_next, format_ascii, block_size(facts), no_length_field};
    s.push_back(0);  // bInsertionOffsetOld
    s.push_back(0);  // bInsertionOffsetNew
    append<std::uint16_t>(s, digits(facts));
    s.push_back(1);  // bConfirmPIN: the new PIN twice, no old one
    s.push_back(ended_by_the_enter_key);
    s.push_back(2);  // bNumberMessage: "new PIN", "once more"
    append<std::uint16_t>(s, language);
    s.push_back(1);           // bMsgIndex1
    s.push_back(2);           // bMsgIndex2
    s.push_back(0);           // bMsgIndex3
    s.insert(s.end(), 3, 0);  // bTeoPrologue
    append_template(s, iso7816::change_reference_data_header(p2), facts);
    return s;
}

PinAnswer PadPin::verify(Applet applet, KeyUse use) {
    const auto p2 = applet.pin_reference(use);
    if (!p2) return {};
    reference_ = *p2;
    return Applet::pin_answer(pad_.verify(use, reference_));
}

PinAnswer::Kind PadPin::change(Applet, KeyUse use) { return Applet::change_answer(pad_.change(use, reference_)); }

}  // namespace jpki
