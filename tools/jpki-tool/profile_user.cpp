#include "profile_user.hpp"

#include "holders.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

namespace jpki::tool {

namespace {

using std::filesystem::path;

std::string link_target(const path& link) {
    std::error_code error;
    return std::filesystem::read_symlink(link, error).string();
}

int number(const std::string& text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

bool is_alive(int pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

ProfileUser process(int pid) {
    const std::string name = program_name(pid);
    return {fill(_("{0} (process {1})"), {name.empty() ? "?" : printable(name), std::to_string(pid)}), _("Close it first.")};
}

ProfileUser other_machine(const std::string& machine, const path& lock) {
    return {fill(_("a program on another computer, {0}"), {printable(machine)}),
            fill(_("Close it first; if it is gone, delete {0}"), {printable(lock.string())})};
}

// The process that holds a lock by fcntl on the file; 0 for none.
int fcntl_holder(const path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return 0;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const int result = ::fcntl(descriptor, F_GETLK, &lock);
    ::close(descriptor);
    return result == 0 && lock.l_type != F_UNLCK ? static_cast<int>(lock.l_pid) : 0;
}

// Firefox takes the address of the host's name, which need not be that of an interface: 127.0.1.1 on Debian.
bool is_of_this_machine(const std::string& address) {
    in_addr wanted{};
    if (::inet_pton(AF_INET, address.c_str(), &wanted) != 1) return true;
    if ((ntohl(wanted.s_addr) >> 24) == 127 || wanted.s_addr == 0) return true;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return true;
    bool found = false;
    for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next)
        found = found || (at->ifa_addr != nullptr && at->ifa_addr->sa_family == AF_INET &&
                          reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr.s_addr == wanted.s_addr);
    ::freeifaddrs(all);
    return found;
}

}  // namespace

std::optional<ProfileUser> user_of_firefox_profile(const path& profile) {
    if (const int pid = fcntl_holder(profile / ".parentlock")) return process(pid);
    const std::string target = link_target(profile / "lock");
    const std::size_t colon = target.rfind(':');
    if (colon == std::string::npos || colon + 1 == target.size()) return std::nullopt;
    const bool of_this_machine = is_of_this_machine(target.substr(0, colon));
    if (target[colon + 1] == '+') {
        std::error_code error;
        const bool has_lock_file = std::filesystem::exists(profile / ".parentlock", error);
        if (of_this_machine || has_lock_file) return std::nullopt;
    }
    if (!of_this_machine) return other_machine(target.substr(0, colon), profile / "lock");
    const int pid = number(target.substr(colon + 1));
    return is_alive(pid) ? std::optional(process(pid)) : std::nullopt;
}

std::optional<ProfileUser> user_of_chromium_data(const path& user_data) {
    const std::string target = link_target(user_data / "SingletonLock");
    const std::size_t dash = target.rfind('-');
    if (dash == std::string::npos) return std::nullopt;
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    if (target.substr(0, dash) != host.data()) return other_machine(target.substr(0, dash), user_data / "SingletonLock");
    const int pid = number(target.substr(dash + 1));
    return is_alive(pid) ? std::optional(process(pid)) : std::nullopt;
}

std::optional<ProfileUser> user_of(const BrowserProfile& profile, const Places& places) {
    if (profile.browser == Browser::chromium) {
        for (const path& user_data : chromium_user_data(places))
            if (auto user = user_of_chromium_data(user_data)) return user;
    } else if (auto user = user_of_firefox_profile(profile.directory)) {
        return user;
    }
    if (const auto holder = with_open_file_in(profile.directory)) return process(holder->pid);
    return std::nullopt;
}

}  // namespace jpki::tool
