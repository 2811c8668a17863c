#include "vpcd.hpp"

#include <array>
#include <cerrno>
#include <memory>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace jpki::virtual_card {

namespace {

// vpcd sends length and payload separately, and Nagle's algorithm on its side delays the payload until the length is
// acknowledged. Linux delays that acknowledgement by 40 ms unless TCP_QUICKACK is set, and clears the option again.
void acknowledge_at_once(int socket) {
    const int yes = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
}

}  // namespace

bool Vpcd::connect() {
    close();
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (getaddrinfo(host_.c_str(), std::to_string(port_).c_str(), &hints, &found) != 0) return false;
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
        UniqueFd candidate(::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol));
        if (!candidate.valid()) continue;
        // Linux bounds connect() by the send timeout too. vpcd accepts one connection at a time, and the kernel silently drops
        // early ones: calling connect() again soon is faster than waiting for TCP's second SYN.
        const timeval limit{0, 500'000};
        setsockopt(candidate.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        const int yes = 1;
        setsockopt(candidate.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (::connect(candidate.get(), address->ai_addr, address->ai_addrlen) != 0) continue;
        acknowledge_at_once(candidate.get());
        socket_ = std::move(candidate);
        return true;
    }
    return false;
}

void Vpcd::close() {
    socket_.reset();
    received_.clear();
}

bool Vpcd::receive() {
    std::array<std::uint8_t, 4096> buffer;
    for (;;) {
        const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count > 0) {
            received_.insert(received_.end(), buffer.begin(), buffer.begin() + count);
            acknowledge_at_once(socket_.get());
            continue;
        }
        if (count == 0) return false;
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK;
    }
}

std::optional<Vpcd::Message> Vpcd::next_message() {
    if (received_.size() < 2) return std::nullopt;
    const std::size_t length = static_cast<std::size_t>(received_[0] << 8 | received_[1]);
    if (received_.size() < 2 + length) return std::nullopt;
    const auto begin = received_.begin() + 2;
    const auto end = begin + static_cast<std::ptrdiff_t>(length);
    Message message(begin, end);
    received_.erase(received_.begin(), end);
    return message;
}

bool Vpcd::send(std::span<const std::uint8_t> message) {
    if (message.size() > 0xFFFF) return false;
    std::vector<std::uint8_t> bytes = {static_cast<std::uint8_t>(message.size() >> 8),
                                       static_cast<std::uint8_t>(message.size() & 0xFF)};
    bytes.insert(bytes.end(), message.begin(), message.end());
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t count = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count > 0) sent += static_cast<std::size_t>(count);
        else if (count < 0 && errno != EINTR) return false;
    }
    return true;
}

}  // namespace jpki::virtual_card
