#include "holders.hpp"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <set>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace jpki::tool {

namespace {

using Inodes = std::set<unsigned>;

struct Descriptor {
    int value;
    ~Descriptor() {
        if (value >= 0) ::close(value);
    }
};

bool ask_for_unix_sockets(int netlink) {
    struct {
        nlmsghdr header;
        unix_diag_req request;
    } message{};
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.request.sdiag_family = AF_UNIX;
    message.request.udiag_states = ~0U;
    message.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
    return ::send(netlink, &message, sizeof message, 0) == static_cast<ssize_t>(sizeof message);
}

// The inode at the other end of a socket that is bound to `path`; 0 for any other socket.
unsigned peer_of(const nlmsghdr* header, std::string_view path) {
    const auto* message = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
    auto left = static_cast<int>(header->nlmsg_len) - static_cast<int>(NLMSG_LENGTH(sizeof *message));
    unsigned peer = 0;
    std::string_view name;
    for (const auto* at = reinterpret_cast<const rtattr*>(message + 1); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        if (at->rta_type == UNIX_DIAG_NAME) name = {static_cast<const char*>(RTA_DATA(at)), RTA_PAYLOAD(at)};
        if (at->rta_type == UNIX_DIAG_PEER) std::memcpy(&peer, RTA_DATA(at), sizeof peer);
    }
    while (!name.empty() && name.back() == '\0') name.remove_suffix(1);
    return name == path ? peer : 0;
}

// pcscd's end of a connection has the socket's name, the client's end does not: the kernel tells which ends belong together.
Inodes client_inodes(const std::string& path) {
    Inodes inodes;
    const Descriptor netlink{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
    if (netlink.value < 0 || !ask_for_unix_sockets(netlink.value)) return inodes;
    const timeval patience{2, 0};
    ::setsockopt(netlink.value, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    alignas(nlmsghdr) char buffer[32768];
    for (;;) {
        const auto got = ::recv(netlink.value, buffer, sizeof buffer, 0);
        if (got <= 0) return inodes;
        auto left = static_cast<unsigned>(got);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return inodes;
            if (const unsigned peer = peer_of(header, path)) inodes.insert(peer);
        }
    }
}

template <class F> void for_each_process(F&& f) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const int pid = std::atoi(entry.path().filename().c_str());
        if (pid > 0 && pid != ::getpid()) f(pid, entry.path());
    }
}

bool has_one_of(const std::filesystem::path& process, const Inodes& inodes) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(process / "fd", error)) {
        const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
        if (!target.starts_with("socket:[")) continue;
        if (inodes.contains(static_cast<unsigned>(std::strtoul(target.c_str() + 8, nullptr, 10)))) return true;
    }
    return false;
}

}  // namespace

std::string pcscd_socket() {
    if (const char* named = ::secure_getenv("PCSCLITE_CSOCK_NAME"); named != nullptr && *named != '\0') return named;
    return "/run/pcscd/pcscd.comm";
}

std::string program_name(int pid) {
    std::string program;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), program);
    return program;
}

std::vector<Holder> connected_to(const std::string& path) {
    std::vector<Holder> holders;
    const Inodes inodes = client_inodes(path);
    for_each_process([&](int pid, const std::filesystem::path& process) {
        if (has_one_of(process, inodes)) holders.push_back({pid, program_name(pid)});
    });
    return holders;
}

std::optional<Holder> with_open_file_in(const std::filesystem::path& directory) {
    std::error_code error;
    const auto wanted = std::filesystem::canonical(directory, error);
    std::optional<Holder> found;
    if (error) return found;
    for_each_process([&](int pid, const std::filesystem::path& process) {
        std::error_code unreadable;
        for (const auto& entry : std::filesystem::directory_iterator(process / "fd", unreadable))
            if (std::filesystem::read_symlink(entry.path(), unreadable).parent_path() == wanted) found = {pid, program_name(pid)};
    });
    return found;
}

}  // namespace jpki::tool
