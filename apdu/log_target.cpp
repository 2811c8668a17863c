#include "apdu/log_target.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki {

namespace {

// Blocks in this thread the signals that write(2) can raise, and discards them: SIGPIPE from a pipe or a socket without a
// reader, SIGXFSZ from a file beyond RLIMIT_FSIZE. Either would end the host.
class SignalsOfWrite {
public:
    SignalsOfWrite() noexcept {
        sigemptyset(&signals_);
        sigaddset(&signals_, SIGPIPE);
        sigaddset(&signals_, SIGXFSZ);
        sigpending(&pending_before_);
        blocked_ = pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_) == 0;
    }
    ~SignalsOfWrite() {
        if (!blocked_) return;
        // A signal that was pending before is the host's, and stays pending.
        for (const int signal : {SIGPIPE, SIGXFSZ})
            if (sigismember(&pending_before_, signal) == 1) sigdelset(&signals_, signal);
        const std::timespec at_once{};
        while (sigtimedwait(&signals_, nullptr, &at_once) > 0 || errno == EINTR) errno = 0;
        pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    }
    SignalsOfWrite(const SignalsOfWrite&) = delete;
    SignalsOfWrite& operator=(const SignalsOfWrite&) = delete;

    bool blocked() const noexcept { return blocked_; }

private:
    sigset_t signals_, pending_before_, mask_before_;
    bool blocked_ = false;
};

bool is_users_own_file(const struct stat& status) noexcept {
    return S_ISREG(status.st_mode) && status.st_uid == ::geteuid() && status.st_nlink == 1;
}

// -1 unless it is a file that may be written to.
int open_file(const char* path, struct stat& status) noexcept {
    // Do not even open anything but a file: opening a device may have effects.
    if (::lstat(path, &status) == 0 ? !is_users_own_file(status) : errno != ENOENT) return -1;
    const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
    if (file < 0) return -1;
    // Not one of the three standard numbers, if the host has closed them: for a moment its own output would go to this file.
    const int other = file > STDERR_FILENO ? file : ::fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (other != file) ::close(file);
    if (other < 0) return -1;
    if (::fstat(other, &status) == 0 && is_users_own_file(status)) return other;
    ::close(other);
    return -1;
}

bool can_be_written_at_once(int descriptor) noexcept {
    pollfd wanted{descriptor, POLLOUT, 0};
    return ::poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT) != 0;
}

}  // namespace

std::optional<LogTarget> LogTarget::open(const std::string& path) {
    LogTarget target;
    struct stat status {};
    if (path == "stderr" || path == "-") {
        if (::fstat(STDERR_FILENO, &status) != 0) return std::nullopt;
        target.device_ = status.st_dev;
        target.inode_ = status.st_ino;
        return target;
    }
    if (path.empty() || path.find('\0') != std::string::npos) return std::nullopt;
    target.path_ = path;
    if (path.front() != '/') {
        const std::unique_ptr<char, void (*)(void*)> directory(::getcwd(nullptr, 0), &std::free);
        if (!directory) return std::nullopt;
        target.path_ = std::string(directory.get()) + "/" + path;
    }
    const int file = open_file(target.path_.c_str(), status);
    if (file < 0) return std::nullopt;
    ::close(file);
    return target;
}

void LogTarget::write(std::string_view line) const noexcept {
    const int saved = errno;
    struct stat status {};
    int descriptor = STDERR_FILENO;
    bool writable = false;
    if (path_.empty()) {
        writable = ::fstat(descriptor, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_ &&
                   can_be_written_at_once(descriptor);
    } else {
        descriptor = open_file(path_.c_str(), status);
        writable = descriptor >= 0 && status.st_size < size_max;
    }
    if (writable) {
        const SignalsOfWrite signals;
        if (signals.blocked()) [[maybe_unused]]
            const auto written = ::write(descriptor, line.data(), line.size());
    }
    if (!path_.empty() && descriptor >= 0) ::close(descriptor);
    errno = saved;
}

}  // namespace jpki
