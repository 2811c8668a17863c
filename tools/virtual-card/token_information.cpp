// EF 0006: a CK_TOKEN_INFO with four-byte big-endian numbers (apdu/README.md, Files).
#include "card_state.hpp"

#include <string_view>

namespace jpki::model {

namespace {

void put_text(Bytes& bytes, std::string_view text, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(i < text.size() ? text[i] : ' '));
}

void put_number(Bytes& bytes, std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(number >> shift & 0xFF));
}

}  // namespace

Bytes token_information(const Knobs& knobs) {
    const char* label = "JPKIAPICCTOKEN2";
    if (knobs.resident_card) label = "JPKIAPICCTOKEN";
    if (knobs.phone) label = "JPKIAPGPSETOKEN";
    if (knobs.iphone) label = "JPKIAPIOSTOKEN";
    Bytes bytes;
    put_text(bytes, label, 32);
    put_text(bytes, "JPKI", 32);
    put_text(bytes, knobs.model, 16);
    // The same in every card of the model: apdu/README.md does not know whether it differs between cards, so no code may rely on
    // it.
    put_text(bytes, "0000000000000001", 16);
    // CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED
    put_number(bytes, 0x0000040D);
    for (const std::uint32_t number : {0U, 0U, 0U, 0U}) put_number(bytes, number);         // sessions
    put_number(bytes, 16);                                                                 // longest PIN
    put_number(bytes, 4);                                                                  // shortest PIN
    for (int i = 0; i < 4; ++i) put_number(bytes, 0xFFFFFFFF);                             // memory: unavailable
    for (const int byte : {3, 0, 1, 0}) bytes.push_back(static_cast<std::uint8_t>(byte));  // hardware, firmware
    put_text(bytes, "", 16);                                                               // no clock
    return bytes;
}

}  // namespace jpki::model
