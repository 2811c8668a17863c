// A log line built without heap memory: for catch blocks and destructors, where there may be none.
#pragma once

#include <array>
#include <cstring>
#include <string_view>

namespace jpki {

// "<before><after>", cut at 400 bytes, the maximum of a log line.
class LogText {
public:
    LogText(std::string_view before, std::string_view after) noexcept {
        append(before);
        append(after);
    }
    operator std::string_view() const noexcept { return {text_.data(), size_}; }

private:
    void append(std::string_view part) noexcept {
        const std::size_t length = part.size() < text_.size() - size_ ? part.size() : text_.size() - size_;
        if (length > 0) std::memcpy(text_.data() + size_, part.data(), length);
        size_ += length;
    }

    std::array<char, 400> text_;
    std::size_t size_ = 0;
};

}  // namespace jpki
