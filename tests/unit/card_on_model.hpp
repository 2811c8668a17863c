// A Card over the card model, without PC/SC: a test sees every command, and decides about resets, removals and odd answers.
#pragma once

#include "apdu/card.hpp"

#include "card_model.hpp"
#include "scripted_link.hpp"
#include "test_pki.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

namespace apdu_test {

namespace model = jpki::model;

// One word for each command: "jpki" and "isd" (SELECT by AID), "ef" (SELECT EF), "read:81", "tries:98", "verify:98", "change:98",
// "sign:97", with P1 of READ BINARY and P2 of the others.
inline std::string word_for(ByteView command) {
    char reference[8];
    const auto with = [&](const char* name, std::uint8_t parameter) {
        std::snprintf(reference, sizeof reference, ":%02X", parameter);
        return name + std::string(reference);
    };
    switch (command[1]) {
    case 0xA4: return command[2] != 0x04 ? "ef" : command[5] == 0xD3 ? "jpki" : "isd";
    case 0xB0: return with("read", command[2]);
    case 0x20: return with(command.size() > 5 ? "verify" : "tries", command[3]);
    case 0x24: return with("change", command[3]);
    case 0x2A: return with("sign", command[3]);
    default: return with("other", command[1]);
    }
}

inline std::size_t how_often(const std::string& text, const std::string& word) {
    std::size_t count = 0;
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
    return count;
}

class ModelLink final : public jpki::Link {
public:
    ModelLink(jpki::Log& log, std::shared_ptr<model::CardModel> chip_) : Link(log), chip(std::move(chip_)) {}

    const std::shared_ptr<model::CardModel> chip;
    std::string sent;  // word_for() every command, separated by spaces
    int begun = 0, ended = 0, powered_off = 0, recognised = 0;
    bool reset = false, lost = false;  // what the next transaction is told
    bool waits = true, exclusive = false, is_alive = true;
    std::optional<std::chrono::milliseconds> patience;
    // Before a command reaches the card. May throw; a value is the answer in place of the card's.
    std::function<std::optional<Bytes>(const std::string& word)> instead{};
    // After the card has answered.
    std::function<void(const std::string& word, model::Bytes& answer)> alter{};
    std::function<void()> before_begin{};  // may throw

    bool alive() noexcept override { return is_alive; }
    void set_waits(bool yes) noexcept override { waits = yes; }
    void card_recognised() noexcept override { ++recognised; }
    bool held_exclusively() const noexcept override { return exclusive; }
    void limit_patience(std::chrono::milliseconds most) noexcept override { patience = most; }

protected:
    bool begin() override {
        if (before_begin) before_begin();
        ++begun;
        return std::exchange(reset, false);
    }
    void end(bool power_off) noexcept override {
        ++ended;
        if (power_off) ++powered_off, chip->power_off(), chip->power_on();
    }
    bool lost_power() const noexcept override { return lost; }
    std::size_t exchange(ByteView command, std::span<std::uint8_t> answer) override {
        const std::string word = word_for(command);
        sent += (sent.empty() ? "" : " ") + word;
        const std::optional<Bytes> replaced = instead ? instead(word) : std::nullopt;
        model::Bytes bytes = replaced ? model::Bytes(replaced->begin(), replaced->end()) : chip->transmit(command);
        if (alter) alter(word, bytes);
        const std::size_t size = std::min(bytes.size(), answer.size());
        std::copy_n(bytes.begin(), size, answer.begin());
        return size;
    }
};

// A card and its log. `sent()` returns the commands since the last call.
class OnModel {
    std::string path_;  // of the log

public:
    explicit OnModel(const model::Knobs& knobs = {}, std::shared_ptr<const model::TestPki> pki = model::TestPki::shared(),
                     jpki::Card::ChainCheck chain_check = {})
        : chip(std::make_shared<model::CardModel>(std::move(pki), knobs)),
          link(new ModelLink(opened(), chip)),
          connection(std::make_shared<jpki::Connection>(std::unique_ptr<jpki::Link>(link), log)),
          card(connection, log, std::move(chain_check)) {}
    ~OnModel() { ::unlink(path_.c_str()); }
    OnModel(const OnModel&) = delete;
    OnModel& operator=(const OnModel&) = delete;

    std::string sent() { return std::exchange(link->sent, {}); }

    // From here on an odd answer is not taken for that of a card without the short forms.
    void settle_form() {
        card.tries(jpki::KeyUse::authentication, std::chrono::hours(1));
        sent();
    }

    jpki::PinAnswer verify(jpki::KeyUse use, const std::string& text, jpki::Card::Holder hold = {}) {
        jpki::Secret pin;
        take(use, text, pin);
        jpki::TypedPin typed(pin);
        return card.verify(use, typed, jpki::LastTry::spend, std::move(hold));
    }
    void log_in(jpki::KeyUse use, jpki::Card::Holder hold = {}) {
        const bool right = verify(use, right_pin(use), std::move(hold)).kind == jpki::PinAnswer::Kind::accepted;
        BOOST_REQUIRE(right && card.verified(use));
    }
    jpki::Card::ChangeAnswer change(jpki::KeyUse use, const std::string& old_text, const std::string& new_text) {
        jpki::Secret old_pin, new_pin;
        take(use, old_text, old_pin);
        take(use, new_text, new_pin);
        jpki::TypedPin typed(old_pin, new_pin);
        return card.change_pin(use, typed, jpki::LastTry::spend);
    }
    static std::string right_pin(jpki::KeyUse use) { return use == jpki::KeyUse::authentication ? "1234" : "ABC123"; }
    static std::string wrong_pin(jpki::KeyUse use) { return use == jpki::KeyUse::authentication ? "9999" : "WRONG1"; }

    // The lines of the log that contain `words`.
    std::size_t lines_with(const std::string& words) const {
        std::ifstream file(path_);
        std::size_t count = 0;
        for (std::string line; std::getline(file, line);) count += line.find(words) != std::string::npos;
        return count;
    }

    // Answers `status` to the next command with this word, in place of the card.
    void answer_once(const std::string& word, const char* status) {
        link->instead = [word, status, done = false](const std::string& next) mutable -> std::optional<Bytes> {
            if (next != word || std::exchange(done, true)) return std::nullopt;
            return hex(status);
        };
    }
    // Throws a fault in place of the answer to each command with this word.
    template <class Fault> void fail(const std::string& word) {
        link->instead = [word](const std::string& next) -> std::optional<Bytes> {
            if (next == word) throw Fault("fault of the test");
            return std::nullopt;
        };
    }

    jpki::Log log;
    std::shared_ptr<model::CardModel> chip;
    ModelLink* link;  // the connection's
    std::shared_ptr<jpki::Connection> connection;
    jpki::Card card;

private:
    static void take(jpki::KeyUse use, const std::string& text, jpki::Secret& pin) {
        const Bytes bytes(text.begin(), text.end());
        BOOST_REQUIRE(jpki::take_pin(use, bytes, pin) == jpki::PinShape::good);
    }
    jpki::Log& opened() {
        path_ = std::string(::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp") + "/jpki-unit-log-XXXXXX";
        ::close(::mkstemp(path_.data()));
        BOOST_REQUIRE(log.open(path_, jpki::LogLevel::info));
        return log;
    }
};

}  // namespace apdu_test
