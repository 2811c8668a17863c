// Changes of a card's answer that an input chooses.
#pragma once

#include "input.hpp"

#include "card_model.hpp"

#include <algorithm>

namespace jpki::fuzz {

enum class Change { status, truncated, longer, flipped, anything, data, overwritten };

// Takes what it needs from `input`.
inline model::Bytes changed(model::Bytes answer, Change change, Input& input) {
    switch (change) {
    case Change::status: {
        const auto status = input.word();
        return {static_cast<std::uint8_t>(status >> 8), static_cast<std::uint8_t>(status & 0xFF)};
    }
    case Change::truncated: answer.resize(answer.size() - std::min<std::size_t>(input.byte(), answer.size())); return answer;
    case Change::longer: {
        const model::Bytes more = input.bytes(input.byte());
        answer.insert(answer.end(), more.begin(), more.end());
        return answer;
    }
    case Change::flipped: {
        if (answer.empty()) return answer;
        const std::size_t at = input.word() % answer.size();
        answer[at] ^= static_cast<std::uint8_t>(input.byte() | 1);
        return answer;
    }
    case Change::anything: return input.bytes(input.byte());
    case Change::data: {  // arbitrary data with status 9000
        model::Bytes data = input.bytes(input.word() % 300);
        data.push_back(0x90);
        data.push_back(0x00);
        return data;
    }
    case Change::overwritten: {
        const std::size_t at = answer.empty() ? 0 : input.word() % answer.size();
        const model::Bytes patch = input.bytes(input.byte() % 32);
        for (std::size_t i = 0; i < patch.size() && at + i < answer.size(); ++i) answer[at + i] = patch[i];
        return answer;
    }
    }
    return answer;
}

}  // namespace jpki::fuzz
