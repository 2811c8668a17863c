// The target of log lines: a file of the user, or the standard error output. Nothing here waits or raises a signal.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace jpki {

class LogTarget {
public:
    // A forgotten log must not fill the disk: from this size on, lines are dropped.
    static constexpr off_t size_max = 16 * 1024 * 1024;

    // "stderr" or "-": the standard error output as it is now. Anything else: a file, created with mode 0600 if missing,
    // which must be a regular file of the effective user with one name, and not be reached through a symbolic link as the
    // last part of `path`. No value otherwise. A relative path starts at the present working directory.
    static std::optional<LogTarget> open(const std::string& path);

    // Adds one line with one write. Dropped: lines that cannot be written at once, or would go to another file than open() found.
    // A file is opened and checked again for each line, so that no descriptor is kept: a host may close descriptors that are
    // not its own (closefrom(3)) and get the number for a file of its own next. Changes neither errno nor signals.
    void write(std::string_view line) const noexcept;

private:
    LogTarget() = default;

    std::string path_;  // absolute; empty: the standard error output
    dev_t device_ = 0;  // of the standard error output, which must not have become another file
    ino_t inode_ = 0;
};

}  // namespace jpki
