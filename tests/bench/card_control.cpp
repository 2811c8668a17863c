#include "card_control.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstring>
#include <stdexcept>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace jpki::bench {

Counts& Counts::operator+=(const Counts& other) {
    commands += other.commands;
    bytes += other.bytes;
    signatures += other.signatures;
    return *this;
}

Counts Counts::operator-(const Counts& other) const {
    return {commands - other.commands, bytes - other.bytes, signatures - other.signatures};
}

CardControl::CardControl(const std::string& socket_path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path.size() >= sizeof address.sun_path) throw std::runtime_error("socket path too long: " + socket_path);
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (socket_ >= 0) ::close(socket_);
        throw std::runtime_error("no virtual card listens at " + socket_path);
    }
}

CardControl::~CardControl() { ::close(socket_); }

std::string CardControl::ask(const std::string& command) {
    const std::string line = command + "\n";
    if (::send(socket_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
        throw std::runtime_error("the virtual card's control socket is closed");
    std::string answer;
    std::array<char, 1024> buffer;
    while (!answer.ends_with('\n')) {
        const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (count <= 0) throw std::runtime_error("the virtual card does not answer to " + command);
        answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
    answer.pop_back();
    if (answer.starts_with("error")) throw std::runtime_error("the virtual card says " + answer);
    return answer;
}

Counts CardControl::counts() {
    const auto json = nlohmann::json::parse(ask("counts"));
    const auto size = [](const nlohmann::json& value) { return value.get<std::size_t>(); };
    const auto& signatures = json.at("signatures");
    return {size(json.at("commands")), size(json.at("bytes_in")) + size(json.at("bytes_out")),
            size(signatures.at("authentication")) + size(signatures.at("signature"))};
}

}  // namespace jpki::bench
