// A Link whose card gives the answers that a test lists.
#pragma once

#include "apdu/link.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <string_view>
#include <utility>

namespace apdu_test {

using jpki::Bytes;
using jpki::ByteView;

inline Bytes hex(std::string_view text) {
    Bytes bytes;
    int digits = 0, value = 0;
    for (const char c : text) {
        if (c == ' ') continue;
        value = value * 16 + (c <= '9' ? c - '0' : c - 'A' + 10);
        if (++digits % 2 == 0) {
            bytes.push_back(static_cast<std::uint8_t>(value));
            value = 0;
        }
    }
    return bytes;
}

class ScriptedLink final : public jpki::Link {
public:
    explicit ScriptedLink(std::initializer_list<std::string_view> answers_ = {}) : Link(no_log) {
        for (const auto answer : answers_) answers.push_back(hex(answer));
    }
    std::deque<Bytes> answers;    // the last one is given repeatedly
    std::vector<Bytes> commands;  // commands sent
    int begun = 0, ended = 0, let_gone = 0, asked_alive = 0;
    int powered_off = 0, powered_off_outside = 0;  // at the end of a transaction, and without one
    bool reset = false;                            // the next transaction is told that the card was reset
    bool is_alive = true;
    std::function<void()> before_answer{};  // may throw, in place of an answer

    bool alive() noexcept override { return ++asked_alive, is_alive; }
    void power_off() noexcept override { ++powered_off_outside; }
    void let_go() noexcept override { ++let_gone; }

protected:
    bool begin() override { return ++begun, std::exchange(reset, false); }
    void end(bool power_off) noexcept override { ++ended, powered_off += power_off; }
    std::size_t exchange(ByteView command, std::span<std::uint8_t> answer) override {
        commands.emplace_back(command.begin(), command.end());
        if (before_answer) before_answer();
        const Bytes bytes = answers.empty() ? Bytes{} : answers.front();
        if (answers.size() > 1) answers.pop_front();
        const std::size_t size = std::min(bytes.size(), answer.size());
        std::copy_n(bytes.begin(), size, answer.begin());
        return size;
    }

private:
    inline static jpki::Log no_log;
};

}  // namespace apdu_test
