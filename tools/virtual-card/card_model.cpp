// The card's interface: power, faults, counters, and what tests look at.
#include "card_model.hpp"

#include "card_state.hpp"
#include "test_pki.hpp"

#include <stdexcept>

namespace jpki::model {

void CardModel::State::cold_reset() {
    powered = true;
    first_command = true;
    application = Application::none;
    current_file.reset();
    verified = {false, false};
    pending.clear();
}

void CardModel::State::warm_reset() {
    application = Application::none;
    current_file.reset();
    pending.clear();
    if (knobs.reset_clears_pin) verified = {false, false};
}

void CardModel::State::power_off() {
    cold_reset();
    powered = false;
}

void CardModel::State::select_other(Application which) {
    application = which;
    current_file.reset();
    verified = {false, false};
}

Fault::Kind CardModel::State::next_fault() {
    if (fault.kind == Fault::Kind::none) return fault.kind;
    if (fault.at > 0) {
        --fault.at;
        return Fault::Kind::none;
    }
    const Fault::Kind kind = fault.kind;
    fault = {};
    return kind;
}

namespace {

void corrupt(Fault::Kind kind, Bytes& answer) {
    if (answer.size() < 2) return;  // a storage card's
    const std::size_t data = answer.size() - 2;
    const auto status = answer.end() - 2;
    switch (kind) {
    case Fault::Kind::truncated:
        if (data == 0) answer.resize(1);
        else answer.erase(answer.begin() + static_cast<std::ptrdiff_t>(data / 2), status);
        break;
    case Fault::Kind::too_long:
        if (data < 300) answer.insert(status, 300 - data, 0xA5);
        break;
    case Fault::Kind::empty: answer.clear(); break;
    case Fault::Kind::bits_flipped:
        if (data == 0) answer.back() ^= 0x01;
        else answer[data / 2] ^= 0x10;
        break;
    default: break;
    }
}

}  // namespace

Bytes contact_atr() { return {0x3B, 0xE0, 0x00, 0xFF, 0x81, 0x31, 0xFE, 0x45, 0x14}; }

CardModel::CardModel(std::shared_ptr<const TestPki> pki, Knobs knobs)
    : state_(std::make_unique<State>(std::move(pki), std::move(knobs))) {
    if (!state_->pki) throw std::invalid_argument("CardModel needs a TestPki");
}

CardModel::~CardModel() = default;

Bytes CardModel::power_on() {
    const std::lock_guard lock(state_->mutex);
    if (!state_->powered) state_->cold_reset();
    return state_->knobs.atr;
}

void CardModel::power_off() {
    const std::lock_guard lock(state_->mutex);
    state_->power_off();
}

Bytes CardModel::warm_reset() {
    const std::lock_guard lock(state_->mutex);
    // ISO 7816-3 defines no warm reset for a card without power.
    if (state_->powered) state_->warm_reset();
    else state_->cold_reset();
    return state_->knobs.atr;
}

Bytes CardModel::atr() const {
    const std::lock_guard lock(state_->mutex);
    return state_->knobs.atr;
}

Bytes CardModel::transmit(ByteView command) {
    std::unique_lock lock(state_->mutex);
    State& state = *state_;
    if (!state.powered) throw CardGone{};
    const Fault::Kind fault = state.next_fault();
    if (fault == Fault::Kind::delay && state.delay_hook) {
        const auto hook = state.delay_hook;
        lock.unlock();
        hook();
        lock.lock();
        if (!state.powered) throw CardGone{};
    }
    if (fault == Fault::Kind::card_gone) {
        state.power_off();
        throw CardGone{};
    }
    if (fault == Fault::Kind::reset) state.warm_reset();
    if (fault == Fault::Kind::other_application) state.select_other(State::Application::foreign);

    ++state.counts.commands;
    state.counts.bytes_in += command.size();
    Bytes answer;
    if (fault == Fault::Kind::sw_6f00) answer = {0x6F, 0x00};
    else if (fault == Fault::Kind::unknown_status) answer = {0x69, 0xC2};
    else answer = state.execute(command);
    if (fault == Fault::Kind::card_gone_after) {
        state.power_off();
        throw CardGone{};
    }
    corrupt(fault, answer);
    state.counts.bytes_out += answer.size();
    const auto hook = state.command_hook;
    lock.unlock();
    if (hook) hook(command, answer);
    return answer;
}

int CardModel::tries(KeyUse use) const {
    const std::lock_guard lock(state_->mutex);
    return state_->knobs.tries[index(use)];
}

bool CardModel::verified(KeyUse use) const {
    const std::lock_guard lock(state_->mutex);
    return state_->verified[index(use)];
}

std::string CardModel::pin(KeyUse use) const {
    const std::lock_guard lock(state_->mutex);
    return state_->knobs.pins[index(use)];
}

bool CardModel::application_selected() const {
    const std::lock_guard lock(state_->mutex);
    return state_->powered && state_->application == State::Application::jpki;
}

void CardModel::set_tries(KeyUse use, int tries) {
    const std::lock_guard lock(state_->mutex);
    state_->knobs.tries[index(use)] = tries;
}

Knobs CardModel::knobs() const {
    const std::lock_guard lock(state_->mutex);
    return state_->knobs;
}

void CardModel::change_knobs(const std::function<void(Knobs&)>& change) {
    const std::lock_guard lock(state_->mutex);
    change(state_->knobs);
}

void CardModel::inject(Fault fault) {
    const std::lock_guard lock(state_->mutex);
    state_->fault = fault;
}

bool CardModel::fault_pending() const {
    const std::lock_guard lock(state_->mutex);
    return state_->fault.kind != Fault::Kind::none;
}

void CardModel::on_delay(std::function<void()> hook) {
    const std::lock_guard lock(state_->mutex);
    state_->delay_hook = std::move(hook);
}

void CardModel::on_command(std::function<void(ByteView, ByteView)> hook) {
    const std::lock_guard lock(state_->mutex);
    state_->command_hook = std::move(hook);
}

void CardModel::other_program_selects_another_application() {
    const std::lock_guard lock(state_->mutex);
    state_->select_other(State::Application::foreign);
}

void CardModel::other_program_resets() { warm_reset(); }

CardModel::Counts CardModel::counts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counts;
}

void CardModel::reset_counts() {
    const std::lock_guard lock(state_->mutex);
    state_->counts = {};
}

const TestPki& CardModel::pki() const { return *state_->pki; }

}  // namespace jpki::model
