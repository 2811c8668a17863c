// Dispatches a command to its function; SELECT, GET CHALLENGE, GET RESPONSE.
#include "card_state.hpp"

#include "test_pki.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <utility>

namespace jpki::model {

namespace {

constexpr std::array<std::uint8_t, 10> jpki_aid = {0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01};
constexpr std::array<std::uint8_t, 7> security_domain_aid = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00};

bool is_issuer_command(const CommandApdu& command) {
    return command.cla == 0x80 && (command.ins == 0x32 || (command.ins & 0xF0) == 0x50 || command.ins == 0x8A);
}

}  // namespace

Bytes CardModel::State::execute(ByteView bytes) {
    const bool first = std::exchange(first_command, false);
    if (first && knobs.first_command_6f00) return serialize({sw::internal});
    if (!knobs.is_jpki) return other_card(bytes);
    const auto command = parse_command(bytes);
    if (!command || (command->extended && !knobs.extended_length)) {
        pending.clear();
        return serialize({sw::wrong_length});
    }
    if (command->cla == 0x00 && command->ins == 0xC0) return serialize(get_response(*command));
    pending.clear();
    return serialize(shape_for_t0(*command, dispatch(*command)));
}

Reply CardModel::State::dispatch(const CommandApdu& command) {
    if (command.cla != 0x00 && command.cla != 0x80) return {sw::bad_cla};
    if (is_issuer_command(command)) ++counts.issuer_commands;
    if (command.cla == 0x00 && command.ins == 0xA4) return select(command);
    if (application == Application::security_domain || application == Application::foreign) return foreign_command(command);
    // apdu/README.md, Files: the command that tells an iPhone from a card.
    if (command.cla == 0x80 && command.ins == 0xFC) return {knobs.iphone ? sw::ok : sw::wrong_length};
    if (command.cla == 0x80) return command.ins == 0x2A ? sign(command) : Reply{sw::bad_ins};
    switch (command.ins) {
    case 0x20: return verify(command);
    case 0x24: return change(command);
    case 0x84: return challenge(command);
    case 0xB0: return read(command);
    default: return {sw::bad_ins};
    }
}

Reply CardModel::State::shape_for_t0(const CommandApdu& command, Reply reply) {
    if (reply.status != sw::ok || reply.data.empty() || command.extended) return reply;
    const auto length = static_cast<std::uint16_t>(reply.data.size() & 0xFF);  // 256 is shown as 00
    if (knobs.answers_61xx && !command.data.empty()) {
        pending = std::move(reply.data);
        return {static_cast<std::uint16_t>(0x6100 | length)};
    }
    if (knobs.answers_6cxx && command.data.empty() && command.le && *command.le > reply.data.size())
        return {static_cast<std::uint16_t>(0x6C00 | length)};
    return reply;
}

Reply CardModel::State::get_response(const CommandApdu& command) {
    if (command.p1 != 0 || command.p2 != 0) return {sw::bad_p1p2};
    if (pending.empty()) return {sw::conditions};
    if (!command.le || !command.data.empty()) return {sw::wrong_length};
    if (*command.le > pending.size() && knobs.answers_6cxx) return {static_cast<std::uint16_t>(0x6C00 | (pending.size() & 0xFF))};
    const auto count = static_cast<std::ptrdiff_t>(std::min(*command.le, pending.size()));
    Reply reply{sw::ok, Bytes(pending.begin(), pending.begin() + count)};
    pending.erase(pending.begin(), pending.begin() + count);
    if (!pending.empty()) reply.status = static_cast<std::uint16_t>(0x6100 | (pending.size() & 0xFF));
    return reply;
}

Reply CardModel::State::select(const CommandApdu& command) {
    if (command.p2 != 0x0C || (command.p1 != 0x04 && command.p1 != 0x02)) return {sw::bad_p1p2};
    if (command.data.empty()) return {sw::wrong_length};
    if (command.p1 == 0x04) {
        // A failed SELECT changes nothing (ISO 7816-4, 7.1.1).
        if (std::ranges::equal(command.data, jpki_aid)) {
            if (knobs.reselect_clears_pin) verified = {false, false};
            application = Application::jpki;
            current_file.reset();
            return {sw::ok};
        }
        if (std::ranges::equal(command.data, security_domain_aid)) {
            select_other(Application::security_domain);
            return {sw::ok};
        }
        return {sw::not_found};
    }
    if (command.data.size() != 2) return {sw::wrong_length};
    if (application != Application::jpki) return {sw::not_found};
    const auto id = static_cast<std::uint16_t>(command.data[0] << 8 | command.data[1]);
    if (!find_file(id)) return {sw::not_found};
    current_file = id;
    return {sw::ok};
}

// apdu/README.md, Recognition: answers of cards without the JPKI application.
Bytes CardModel::State::other_card(ByteView bytes) const {
    if (!knobs.other_card_answer) return {};
    const std::uint16_t status = *knobs.other_card_answer;
    const bool clean_no = status == sw::not_found || status == 0x6A81;
    const bool selects = bytes.size() >= 4 && bytes[0] == 0x00 && bytes[1] == 0xA4;
    return serialize({clean_no && !selects ? sw::bad_ins : status});
}

// The answers of another application to our commands are not known, so a knob sets them.
Reply CardModel::State::foreign_command(const CommandApdu& command) const {
    const bool reads = command.cla == 0x00 && command.ins == 0xB0 && command.le && command.data.empty();
    if (!reads || application != Application::foreign || knobs.foreign_read == Knobs::ForeignRead::refused)
        return {knobs.foreign_status};
    Bytes file(64);
    for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::uint8_t>(0xFF - i);
    if (knobs.foreign_read == Knobs::ForeignRead::other_certificate) file = pki->signature_ca;
    const bool by_sfi = (command.p1 & 0x80) != 0;
    const std::size_t offset = by_sfi ? command.p2 : static_cast<std::size_t>(command.p1 << 8 | command.p2);
    if (offset >= file.size()) return {sw::bad_offset};
    const std::size_t count = std::min(*command.le, file.size() - offset);
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(offset);
    return {sw::ok, Bytes(begin, begin + static_cast<std::ptrdiff_t>(count))};
}

// apdu/README.md, Commands, row "random".
Reply CardModel::State::challenge(const CommandApdu& command) const {
    if (application != Application::jpki) return {sw::conditions};
    if (command.p1 != 0 || command.p2 != 0) return {sw::bad_p1p2};
    if (!command.le || *command.le > 256 || !command.data.empty()) return {sw::wrong_length};
    Reply reply{sw::ok, Bytes(*command.le)};
    if (RAND_bytes(reply.data.data(), static_cast<int>(reply.data.size())) != 1) return {sw::internal};
    return reply;
}

}  // namespace jpki::model
