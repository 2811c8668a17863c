// VERIFY, the retry counter query and CHANGE REFERENCE DATA (apdu/README.md, Commands and Rules for card holders).
#include "card_state.hpp"

#include <algorithm>

namespace jpki::model {

namespace {

std::uint16_t blocked_status(Knobs::TriesForm form) {
    switch (form) {
    case Knobs::TriesForm::x6983: return sw::blocked_6983;
    case Knobs::TriesForm::x6984: return sw::blocked_6984;
    case Knobs::TriesForm::x63c0: break;
    }
    return sw::tries_left;
}

std::uint16_t tries_status(int tries) { return static_cast<std::uint16_t>(sw::tries_left | std::clamp(tries, 0, 15)); }

bool follows_rules(KeyUse use, const std::string& pin) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (use == KeyUse::authentication) return pin.size() == 4 && std::ranges::all_of(pin, digit);
    return pin.size() >= 6 && pin.size() <= 16 && std::ranges::any_of(pin, digit) && std::ranges::any_of(pin, capital) &&
           std::ranges::all_of(pin, [&](char c) { return digit(c) || capital(c); });
}

}  // namespace

bool CardModel::State::pin_is_set(KeyUse use) const { return has(use) || knobs.missing_file != Knobs::Missing::empty; }

int CardModel::State::tries_left(KeyUse use) const { return pin_is_set(use) ? knobs.tries[index(use)] : 0; }

Reply CardModel::State::query_tries(const CommandApdu& command, KeyUse use) const {
    // Exactly four bytes, or with query_needs_le exactly a fifth byte 00.
    const bool right_length = knobs.query_needs_le ? command.le == std::size_t{256} : !command.le;
    if (!right_length) return {sw::wrong_length};
    const int tries = tries_left(use);
    return {tries > 0 ? tries_status(tries) : blocked_status(knobs.blocked_query)};
}

Reply CardModel::State::verify(const CommandApdu& command) {
    if (command.p1 != 0) return {sw::bad_p1p2};
    File file{};
    if (const auto status = resolve(command.p2, FileType::pin, file); status != sw::ok) return {status};
    const KeyUse use = file.use;
    if (command.data.empty()) return query_tries(command, use);
    ++counts.verify[index(use)];
    if (tries_left(use) <= 0) return {blocked_status(knobs.blocked_verify)};

    const std::string& pin = knobs.pins[index(use)];
    const bool right = std::ranges::equal(command.data, pin,
                                          [](std::uint8_t sent, char kept) { return sent == static_cast<std::uint8_t>(kept); });
    int& tries = knobs.tries[index(use)];
    if (!right) {
        ++counts.wrong[index(use)];
        verified[index(use)] = false;
        if (knobs.failure_clears_other_login) verified = {false, false};
        return {tries_status(--tries)};  // the try that blocks answers 63C0 too
    }
    tries = knobs.max_tries[index(use)];
    verified[index(use)] = true;
    if (knobs.one_pin_at_a_time) verified[index(other(use))] = false;
    return {sw::ok};
}

Reply CardModel::State::change(const CommandApdu& command) {
    if (command.p1 != 0x01) return {sw::bad_p1p2};
    File file{};
    if (const auto status = resolve(command.p2, FileType::pin, file); status != sw::ok) return {status};
    if (command.data.empty() || command.data.size() > 16) return {sw::wrong_length};
    const KeyUse use = file.use;
    if (!verified[index(use)]) return {sw::not_verified};
    const std::string pin(command.data.begin(), command.data.end());
    if (knobs.enforces_password_rules && !follows_rules(use, pin)) return {sw::bad_data};
    ++counts.changes[index(use)];
    knobs.pins[index(use)] = pin;
    return {sw::ok};
}

}  // namespace jpki::model
