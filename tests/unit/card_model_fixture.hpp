// A card model with commands and answers in hexadecimal.
#pragma once

#include "card_model.hpp"
#include "test_pki.hpp"

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace card_model_test {

using jpki::model::Bytes;
using jpki::model::ByteView;
using jpki::model::CardModel;
using jpki::model::Fault;
using jpki::model::KeyUse;
using jpki::model::Knobs;
using jpki::model::TestPki;

inline Bytes hex(std::string_view text) {
    Bytes bytes;
    std::string digits;
    for (const char c : text)
        if (c != ' ') digits += c;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    return bytes;
}

struct Answer {
    Bytes data;
    unsigned sw;
};

inline constexpr std::string_view select_jpki = "00A4040C 0A D392F000260100000001";
inline constexpr std::string_view select_security_domain = "00A4040C 07 A0000001510000";
inline constexpr std::string_view verify_auth = "00200098 04 31323334";        // 1234
inline constexpr std::string_view verify_auth_wrong = "00200098 04 31323335";  // 1235
inline constexpr std::string_view verify_sign = "0020009B 06 414243313233";    // ABC123
inline constexpr std::string_view verify_sign_wrong = "0020009B 06 414243313234";

struct Card : CardModel {
    explicit Card(const Knobs& knobs = {}) : CardModel(TestPki::shared(), knobs) {}

    Answer send(const Bytes& command) {
        Bytes answer = transmit(command);
        if (answer.size() < 2) return {answer, 0};
        const unsigned status = static_cast<unsigned>(answer[answer.size() - 2] << 8 | answer.back());
        answer.resize(answer.size() - 2);
        return {answer, status};
    }
    Answer send(std::string_view command) { return send(hex(command)); }
    unsigned sw(std::string_view command) { return send(command).sw; }

    Answer sign(std::uint8_t p1, KeyUse use, const Bytes& data) {
        Bytes command = {0x80, 0x2A, p1, static_cast<std::uint8_t>(use == KeyUse::signature ? 0x9A : 0x97),
                         static_cast<std::uint8_t>(data.size())};
        command.insert(command.end(), data.begin(), data.end());
        command.push_back(0x00);
        return send(command);
    }
};

// With the application selected, as almost every test needs it.
struct OpenCard : Card {
    explicit OpenCard(const Knobs& knobs = {}) : Card(knobs) { sw(select_jpki); }
};

inline Knobs with(void (*change)(Knobs&)) {
    Knobs knobs;
    change(knobs);
    return knobs;
}

}  // namespace card_model_test
