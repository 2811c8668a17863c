#include "apdu/log.hpp"

#include <cstdio>
#include <ctime>
#include <unistd.h>

namespace jpki {

bool Log::open(const std::string& path, LogLevel level) {
    target_ = LogTarget::open(path);
    if (target_) level_.store(level, std::memory_order_relaxed);
    return target_.has_value();
}

void Log::write(LogLevel level, std::string_view text) noexcept {
    if (!enabled(level)) return;
    std::timespec now{};
    std::timespec_get(&now, TIME_UTC);
    std::tm utc{};
    ::gmtime_r(&now.tv_sec, &utc);
    static constexpr const char* names[] = {"", "error", "info", "debug"};
    char line[512];
    // One write per line, so that lines of several processes that share a log file do not mix.
    const int length = std::snprintf(line, sizeof line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ jpki-pkcs11[%ld] %s: %.*s\n",
                                     utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                                     now.tv_nsec / 1'000'000, static_cast<long>(::getpid()), names[static_cast<int>(level)],
                                     static_cast<int>(text.size() < 400 ? text.size() : 400), text.data());
    if (length <= 0) return;
    // One line per event, for any text: it may contain a file's name.
    for (char* c = line; *c != '\0'; ++c)
        if ((static_cast<unsigned char>(*c) < 0x20 && c[1] != '\0') || *c == 0x7F) *c = '?';
    target_->write({line, static_cast<std::size_t>(length) < sizeof line ? static_cast<std::size_t>(length) : sizeof line - 1});
}

std::string hex16(std::uint16_t value) {
    static constexpr char digits[] = "0123456789ABCDEF";
    return {digits[value >> 12], digits[(value >> 8) & 15], digits[(value >> 4) & 15], digits[value & 15]};
}

}  // namespace jpki
