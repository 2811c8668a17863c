#include "input_file.hpp"

#include "i18n.hpp"
#include "pin_entry.hpp"
#include "text.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace jpki::tool {

void InputFile::fail(int error) const {
    throw Failure(Exit::file_error, fill(_("Cannot read {0}: {1}"), {printable(path_), std::strerror(error)}));
}

InputFile::InputFile(const std::string& path, const Signals& signals, Output& output)
    : path_(path), signals_(signals), output_(output), shown_(std::chrono::steady_clock::now()) {
    if (path == "-") {
        descriptor_ = STDIN_FILENO;
        return;
    }
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);  // does not wait for a FIFO's writer
    if (descriptor_ < 0) fail(errno);
    if (::fstat(descriptor_, &opened_) == 0 && S_ISREG(opened_.st_mode)) return;
    ::close(descriptor_);
    throw Failure(Exit::file_error, fill(_("Cannot read {0}: not a regular file."), {printable(path_)}));
}

InputFile::~InputFile() {
    if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
}

bool InputFile::is_same_file(const std::string& path) const {
    struct stat other {};
    return !is_standard_input() && ::stat(path.c_str(), &other) == 0 && other.st_dev == opened_.st_dev &&
           other.st_ino == opened_.st_ino;
}

void InputFile::rewind() {
    if (::lseek(descriptor_, 0, SEEK_SET) != 0) fail(errno);
    done_ = 0;
}

std::size_t InputFile::read(std::span<std::uint8_t> into) {
    for (;;) {
        if (is_standard_input()) wait_readable(descriptor_, signals_);
        signals_.check();
        const auto got = ::read(descriptor_, into.data(), into.size());
        if (got < 0 && (errno == EINTR || (errno == EAGAIN && is_standard_input()))) continue;
        if (got < 0) fail(errno);
        done_ += static_cast<std::uint64_t>(got);
        if (got == 0) {
            output_.progress({});
            check_unchanged();
        } else {
            show_progress();
        }
        return static_cast<std::size_t>(got);
    }
}

void InputFile::check_unchanged() const {
    if (is_standard_input()) return;
    struct stat now {};
    if (::fstat(descriptor_, &now) != 0) fail(errno);
    if (done_ == size() && now.st_size == opened_.st_size && now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec)
        return;
    throw Failure(Exit::file_error, fill(_("{0} was changed while it was read."), {printable(path_)}));
}

void InputFile::show_progress() {
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < std::chrono::milliseconds(300)) return;
    shown_ = now;
    const std::string percent =
        size() == 0 ? "" : std::to_string(std::min<std::uint64_t>(100, done_ / (size() / 100 + 1))) + " %";
    output_.progress(fill(_("Reading {0} ... {1}"), {printable(path_), percent}));
}

}  // namespace jpki::tool
