#include "module/settings_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki {

namespace {

struct Descriptor {
    int number;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

// Why a file is ignored; NULL if it is not. A user who can write to it controls what a program of this user does with a card.
const char* distrust(const struct stat& status) noexcept {
    if (!S_ISREG(status.st_mode)) return "not a regular file";
    if (status.st_uid != ::geteuid() && status.st_uid != 0) return "owned by another user; ignored";
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "writable by others; ignored (chmod go-w)";
    return nullptr;
}

// Reads on from `file` into `text` up to one byte more than settings_size_max. False on an error.
bool read_all(int file, std::string& text) {
    text.resize(settings_size_max + 1);
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t count = ::read(file, text.data() + size, text.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        if (count == 0) break;
        size += static_cast<std::size_t>(count);
    }
    text.resize(size);
    return true;
}

// The state of a scan of one line: TOML's strings, outside of which dots and brackets count. Every line begins outside of them,
// since multi-line strings are rejected.
class LineScan {
public:
    explicit LineScan(std::size_t& depth) noexcept : depth_(depth) {}

    // The fault of the line; NULL if there is none.
    const char* trouble(std::string_view line) noexcept {
        for (std::size_t i = 0; i < line.size(); ++i) {
            const char c = line[i];
            if (static_cast<unsigned char>(c) >= 0x80)
                return "only ASCII is allowed outside of comment lines (use \\u escapes in strings)";
            if (quote_ != 0) {
                if (c == '\\' && quote_ == '"') ++i;
                else if (c == quote_) quote_ = 0;
            } else if (c == '"' || c == '\'') {
                if (i + 2 < line.size() && line[i + 1] == c && line[i + 2] == c) return "multi-line strings are not supported";
                quote_ = c;
            } else if (c == '#') {
                return ascii_only(line.substr(i));
            } else if (const char* text = count(c)) {
                return text;
            }
        }
        return nullptr;
    }

private:
    static const char* ascii_only(std::string_view rest) noexcept {
        const bool ascii = std::ranges::all_of(rest, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
        return ascii ? nullptr : "only ASCII is allowed outside of comment lines (use \\u escapes in strings)";
    }

    const char* count(char c) noexcept {
        if (c == '.' && ++dots_ > settings_dots_max) return "key has too many parts";
        if ((c == '[' || c == '{') && ++depth_ > settings_depth_max) return "values are nested too deeply";
        if ((c == ']' || c == '}') && depth_ > 0) --depth_;
        return nullptr;
    }

    std::size_t& depth_;  // of brackets and braces, over all lines
    std::size_t dots_ = 0;
    char quote_ = 0;
};

}  // namespace

SettingsFile read_settings_file(const std::string& path) {
    SettingsFile result;
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    const int error = errno;
    result.there = file.number >= 0 || (error != ENOENT && error != ENOTDIR);
    if (!result.there) return result;
    struct stat status {};
    if (file.number < 0 || ::fstat(file.number, &status) != 0) {
        result.trouble = error == EACCES ? "cannot be read: permission denied" : "cannot be read";
    } else if (const char* why = distrust(status)) {
        result.trouble = why;
    } else if (!read_all(file.number, result.text)) {
        result.trouble = "cannot be read";
    } else if (result.text.size() > settings_size_max) {
        result.trouble = "larger than 64 KiB";
    }
    return result;
}

std::optional<SettingsTrouble> prepare_settings_text(std::string& text) {
    std::size_t number = 1, depth = 0;
    for (std::size_t at = 0; at < text.size(); ++number) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::size_t first = text.find_first_not_of(" \t", at);
        if (first < end && text[first] == '#')
            std::fill(text.begin() + static_cast<std::ptrdiff_t>(first), text.begin() + static_cast<std::ptrdiff_t>(end), ' ');
        if (const char* trouble = LineScan(depth).trouble(std::string_view(text).substr(at, end - at)))
            return SettingsTrouble{number, trouble};
        at = end + 1;
    }
    return std::nullopt;
}

}  // namespace jpki
