// The card's end of vsmartcard's vpcd protocol: a TCP connection of messages with a two-byte big-endian length.
#pragma once

#include "unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace jpki::virtual_card {

class Vpcd {
public:
    // One-byte messages are for the reader, all others are commands for the card.
    static constexpr std::uint8_t power_off = 0, power_on = 1, reset = 2, request_atr = 4;
    using Message = std::vector<std::uint8_t>;

    Vpcd(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}

    bool connect();  // false if vpcd does not listen; waits at most half a second
    void close();    // vpcd sees this as removal of the card
    bool connected() const { return socket_.valid(); }
    int descriptor() const { return socket_.get(); }

    // Reads what has arrived, without waiting. False if the connection has ended.
    bool receive();
    // The next complete message received.
    std::optional<Message> next_message();
    bool send(std::span<const std::uint8_t> message);

private:
    std::string host_;
    std::uint16_t port_;
    UniqueFd socket_;
    std::vector<std::uint8_t> received_;
};

}  // namespace jpki::virtual_card
