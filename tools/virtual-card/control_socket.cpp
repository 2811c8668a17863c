#include "control_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

namespace jpki::virtual_card {

namespace {

constexpr std::size_t longest_line = 4096;

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("control socket: path too long: " + path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

UniqueFd connect_to(const std::string& path) {
    const sockaddr_un address = address_of(path);
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid() || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    return socket;
}

void send_line(int descriptor, std::string line) {
    line += '\n';
    std::size_t sent = 0;
    while (sent < line.size()) {
        const ssize_t count = ::send(descriptor, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (count > 0) sent += static_cast<std::size_t>(count);
        else if (errno != EINTR) return;  // the client closed the connection or does not read: it gets no answer
    }
}

}  // namespace

ControlSocket::~ControlSocket() {
    if (listener_.valid()) ::unlink(path_.c_str());
}

void ControlSocket::listen(const std::string& path) {
    const sockaddr_un address = address_of(path);
    if (connect_to(path).valid()) throw std::runtime_error("control socket: another process already listens at " + path);
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) throw std::runtime_error("control socket: " + path + " exists and is not a socket");
        ::unlink(path.c_str());
    }
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const mode_t before = ::umask(0177);
    const bool bound = socket.valid() && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int error = errno;
    ::umask(before);
    if (!bound || ::listen(socket.get(), 8) != 0)
        throw std::runtime_error("control socket: " + path + ": " + std::strerror(bound ? errno : error));
    path_ = path;
    listener_ = std::move(socket);
}

void ControlSocket::add_to(std::vector<pollfd>& descriptors) const {
    if (listener_.valid()) descriptors.push_back({listener_.get(), POLLIN, 0});
    for (const Client& client : clients_) descriptors.push_back({client.socket.get(), POLLIN, 0});
}

void ControlSocket::serve() {
    if (!listener_.valid()) return;
    for (;;) {
        UniqueFd accepted(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!accepted.valid()) break;
        clients_.push_back({std::move(accepted), {}, false, false});
    }
    for (Client& client : clients_) {
        std::array<char, 512> buffer;
        for (;;) {
            const ssize_t count = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
            if (count > 0) client.received.append(buffer.data(), static_cast<std::size_t>(count));
            else if (count == 0) client.closed = true;
            else if (errno == EINTR) continue;
            else if (errno != EAGAIN && errno != EWOULDBLOCK) client.closed = true;
            if (count <= 0 || client.received.size() > longest_line) break;
        }
        if (client.received.size() > longest_line) client.closed = true;
    }
}

bool ControlSocket::next_line(Client& client, std::string& line) {
    const std::size_t end = client.received.find('\n');
    if (client.waiting || end == std::string::npos) return false;
    line = client.received.substr(0, end);
    client.received.erase(0, end + 1);
    return true;
}

void ControlSocket::answer(Client& client, const std::string& line) {
    client.waiting = false;
    send_line(client.socket.get(), line);
}

int run_control_client(const std::string& path, const std::string& command) {
    const UniqueFd socket = connect_to(path);
    if (!socket.valid()) {
        std::cerr << "error: no virtual card listens at " << path << "\n";
        return 1;
    }
    const timeval limit{30, 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    send_line(socket.get(), command);
    std::string answer;
    std::array<char, 512> buffer;
    while (answer.find('\n') == std::string::npos) {
        const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
    if (answer.find('\n') == std::string::npos) {
        std::cerr << "error: the virtual card did not answer\n";
        return 1;
    }
    const bool failed = answer.starts_with("error");
    (failed ? std::cerr : std::cout) << answer << std::flush;
    return failed ? 1 : 0;
}

}  // namespace jpki::virtual_card
