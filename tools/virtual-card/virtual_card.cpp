#include "virtual_card.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include <poll.h>
#include <sys/signalfd.h>

namespace jpki::virtual_card {

namespace {

constexpr std::chrono::milliseconds retry_interval{200};  // while vpcd does not listen: pcscd may be starting
constexpr std::chrono::milliseconds counts_interval{50};  // after a burst of commands, the counters are written once
constexpr std::chrono::seconds client_patience{10};

UniqueFd catch_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    // Blocked before any thread starts (key generation starts some), so that the signal does not kill one of them.
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) throw std::runtime_error("cannot block signals");
    UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.valid()) throw std::runtime_error("signalfd failed");
    return signals;
}

}  // namespace

VirtualCard::VirtualCard(const Settings& settings)
    : settings_(settings),
      log_(settings.log_file),
      wallet_(settings.pki_directory, settings.state_file),
      kind_(settings.kind),
      person_(settings.person),
      vpcd_(settings.host, settings.port),
      signals_(catch_signals()) {
    if (!settings_.control_path.empty()) control_.listen(settings_.control_path);
    insert(wallet_.card(kind_, person_, settings_.knobs));
    wallet_.keep(card_);
    write_counts_if_due(true);
}

void VirtualCard::run() {
    while (!quit_) {
        wait();
        connect_if_due();
        serve_reader();
        send_held_answer_if_due();
        serve_control();
        write_counts_if_due(false);
    }
    disconnect("virtual card ends");
    wallet_.keep(card_);
    write_counts_if_due(true);
}

void VirtualCard::wait() {
    std::vector<pollfd> descriptors = {{signals_.get(), POLLIN, 0}};
    // While the card is busy, poll only for a hang-up.
    if (vpcd_.connected()) descriptors.push_back({vpcd_.descriptor(), static_cast<short>(held_answer_ ? POLLRDHUP : POLLIN), 0});
    control_.add_to(descriptors);

    std::optional<Clock::time_point> next;
    const auto consider = [&next](Clock::time_point time) { next = next ? std::min(*next, time) : time; };
    if (wanted_ && !vpcd_.connected()) consider(connect_at_);
    if (held_answer_) consider(held_until_);
    if (write_counts_at_) consider(*write_counts_at_);
    if (clients_give_up_at_) consider(*clients_give_up_at_);

    timespec limit{};
    if (next) {
        const auto left = std::max(std::chrono::nanoseconds{0}, std::chrono::nanoseconds(*next - Clock::now()));
        limit = {static_cast<time_t>(left.count() / 1'000'000'000), static_cast<long>(left.count() % 1'000'000'000)};
    }
    if (ppoll(descriptors.data(), descriptors.size(), next ? &limit : nullptr, nullptr) < 0 && errno != EINTR)
        throw std::runtime_error(std::string("poll: ") + std::strerror(errno));
    if ((descriptors[0].revents & POLLIN) != 0) quit_ = true;
    if (held_answer_ && vpcd_.connected() && descriptors[1].revents != 0) {
        disconnect("vpcd hung up");
        connect_at_ = Clock::now() + retry_interval;
    }
}

void VirtualCard::insert(Wallet::Card card) {
    card_ = std::move(card);
    card_.model->on_command([this](model::ByteView command, model::ByteView answer) { log_.command(command, answer); });
    card_.model->on_delay([this] { extra_delay_ += settings_.fault_delay; });
}

void VirtualCard::connect_if_due() {
    if (!wanted_ || vpcd_.connected() || Clock::now() < connect_at_) return;
    if (!vpcd_.connect()) {
        connect_at_ = Clock::now() + retry_interval;
        return;
    }
    log_.event("inserted: " + card_.name);
    if (!announced_) std::cout << "ready" << std::endl;
    announced_ = true;
    answer_waiting_clients();
}

void VirtualCard::disconnect(const char* why) {
    if (vpcd_.connected()) log_.event(why);
    vpcd_.close();
    card_.model->power_off();
    held_answer_.reset();
}

void VirtualCard::leave() {
    if (vpcd_.connected()) connect_at_ = Clock::now() + settings_.absence;
    disconnect("removed");
    wanted_ = false;
}

void VirtualCard::serve_reader() {
    if (!vpcd_.connected() || held_answer_) return;
    const bool alive = vpcd_.receive();
    while (vpcd_.connected() && !held_answer_) {
        const auto message = vpcd_.next_message();
        if (!message) break;
        serve_message(*message);
    }
    if (!alive && vpcd_.connected()) {
        disconnect("vpcd hung up");
        connect_at_ = Clock::now() + retry_interval;
    }
}

void VirtualCard::serve_message(const Vpcd::Message& message) {
    if (message.empty()) return;
    if (message.size() > 1) {
        serve_command(message);
        return;
    }
    switch (message[0]) {
    case Vpcd::power_off:
        card_.model->power_off();
        log_.event("power off");
        break;
    case Vpcd::power_on:
        card_.model->power_on();
        log_.event("power on");
        break;
    case Vpcd::reset:
        card_.model->warm_reset();
        log_.event("reset");
        break;
    case Vpcd::request_atr: send_answer(card_.model->atr()); break;
    default: serve_command(message); break;
    }
}

void VirtualCard::serve_command(const Vpcd::Message& command) {
    const auto before = card_.model->counts();
    model::Bytes answer;
    try {
        answer = card_.model->transmit(command);
    } catch (const model::CardModel::CardGone&) {
        wallet_.keep(card_);
        leave();
        return;
    }
    // The real card writes its retry counter before it answers, so removing it does not save a try.
    wallet_.keep(card_);
    const auto after = card_.model->counts();
    if (!settings_.counts_file.empty() && !write_counts_at_) write_counts_at_ = Clock::now() + counts_interval;
    std::chrono::microseconds delay = std::exchange(extra_delay_, std::chrono::microseconds{0});
    if (settings_.latency) delay += settings_.latency->of(command.size(), answer.size(), after.signatures != before.signatures);
    if (delay.count() == 0) {
        send_answer(answer);
        return;
    }
    held_answer_ = std::move(answer);
    held_until_ = Clock::now() + delay;
}

void VirtualCard::send_answer(const model::Bytes& answer) {
    // vpcd waits forever after an answer of length 0. A single byte 00, which no card answers, stands for it; the reader driver
    // of tests/e2e (empty_answer_reader.cpp) turns it back into an empty answer.
    static const model::Bytes nothing = {0x00};
    if (vpcd_.send(answer.empty() ? nothing : answer)) return;
    disconnect("vpcd hung up");
    connect_at_ = Clock::now() + retry_interval;
}

void VirtualCard::send_held_answer_if_due() {
    if (!held_answer_ || Clock::now() < held_until_) return;
    const model::Bytes answer = *std::exchange(held_answer_, std::nullopt);
    send_answer(answer);
}

void VirtualCard::write_counts_if_due(bool now) {
    if (settings_.counts_file.empty() || (!now && (!write_counts_at_ || Clock::now() < *write_counts_at_))) return;
    write_counts_at_.reset();
    const std::string counts = counts_json(card_.model->counts());
    if (counts == written_counts_) return;
    write_file(settings_.counts_file, counts + "\n", false);
    written_counts_ = counts;
}

void VirtualCard::serve_control() {
    control_.serve();
    for (ControlSocket::Client& client : control_.clients()) {
        std::string line;
        while (ControlSocket::next_line(client, line)) {
            const auto answer = obey(line);
            if (answer) {
                ControlSocket::answer(client, *answer);
            } else {
                client.waiting = true;
                clients_give_up_at_ = Clock::now() + client_patience;
            }
        }
    }
    if (clients_give_up_at_ && Clock::now() >= *clients_give_up_at_) answer_waiting_clients();
    std::erase_if(control_.clients(), [](const ControlSocket::Client& client) { return client.closed; });
}

void VirtualCard::answer_waiting_clients() {
    clients_give_up_at_.reset();
    for (ControlSocket::Client& client : control_.clients())
        if (client.waiting) ControlSocket::answer(client, vpcd_.connected() ? "ok" : "error: vpcd does not listen; still trying");
}

}  // namespace jpki::virtual_card
