// The log: off unless a file is configured. One line per event; command headers and status words, never data bytes.
#pragma once

#include "apdu/log_target.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace jpki {

enum class LogLevel : int { off = 0, error = 1, info = 2, debug = 3 };

// Thread-safe. A PIN cannot be logged: Secret (pin.hpp) has no conversion to text, and commands are logged by header.
class Log {
public:
    Log() = default;
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    // Appends to `path`, which LogTarget::open() interprets. Lines above `level` are dropped. Returns false if it cannot be
    // written to; the log is then off. Once, before other threads use the log.
    bool open(const std::string& path, LogLevel level);
    bool enabled(LogLevel level) const noexcept { return level <= level_.load(std::memory_order_relaxed); }

    void error(std::string_view text) noexcept { write(LogLevel::error, text); }
    void info(std::string_view text) noexcept { write(LogLevel::info, text); }
    void debug(std::string_view text) noexcept { write(LogLevel::debug, text); }

private:
    void write(LogLevel level, std::string_view text) noexcept;

    std::atomic<LogLevel> level_ = LogLevel::off;
    std::optional<LogTarget> target_;
};

// "6A82": a status word or another 16-bit number as four hexadecimal digits.
std::string hex16(std::uint16_t value);

}  // namespace jpki
