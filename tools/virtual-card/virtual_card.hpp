// The jpki-virtual-card process: one thread, one poll loop; connects a card of the wallet with vpcd and the control socket.
#pragma once

#include "card_log.hpp"
#include "control_socket.hpp"
#include "latency.hpp"
#include "vpcd.hpp"
#include "wallet.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jpki::virtual_card {

struct Settings {
    std::string host = "127.0.0.1";
    std::uint16_t port = 35963;  // the default of vpcd's package
    std::string kind = "adult";
    unsigned person = 1;
    std::vector<std::string> knobs;  // name=value
    std::string pki_directory, state_file, log_file, counts_file, control_path;
    std::optional<model::Latency> latency;
    std::chrono::milliseconds fault_delay{2000};  // duration of Fault::delay
    std::chrono::milliseconds absence{500};       // shortest time between removal and insertion
};

class VirtualCard {
public:
    explicit VirtualCard(const Settings& settings);  // throws for invalid settings
    void run();                                      // until SIGTERM, SIGINT or the command quit

private:
    using Clock = std::chrono::steady_clock;

    void wait();
    void insert(Wallet::Card card);
    void connect_if_due();
    void disconnect(const char* why);
    void leave();
    void serve_reader();
    void serve_message(const Vpcd::Message& message);
    void serve_command(const Vpcd::Message& command);
    void send_answer(const model::Bytes& answer);
    void send_held_answer_if_due();
    void write_counts_if_due(bool now);
    void serve_control();
    void answer_waiting_clients();

    // virtual_card_control.cpp. No value: the answer follows when the card is connected.
    std::optional<std::string> obey(const std::string& line);
    std::optional<std::string> obey(const std::vector<std::string>& words);
    std::string tries(const std::vector<std::string>& words);
    std::optional<std::string> swap(const std::vector<std::string>& words);
    std::string status() const;

    const Settings settings_;
    CardLog log_;
    Wallet wallet_;
    Wallet::Card card_;
    std::string kind_;
    unsigned person_;
    Vpcd vpcd_;
    ControlSocket control_;
    UniqueFd signals_;

    bool quit_ = false;
    bool wanted_ = true;      // inserted, as far as the control commands say
    bool announced_ = false;  // "ready" was printed
    Clock::time_point connect_at_ = Clock::now();
    std::optional<Clock::time_point> clients_give_up_at_;
    std::optional<model::Bytes> held_answer_;  // the card is busy; its answer is held back, the control socket still answers
    Clock::time_point held_until_;
    std::chrono::microseconds extra_delay_{0};
    std::string written_counts_;
    std::optional<Clock::time_point> write_counts_at_;
};

}  // namespace jpki::virtual_card
