// A fuzzer's bytes, taken piece by piece. After the end everything is zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace jpki::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

    bool empty() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const std::uint8_t value = rest_.front();
        rest_ = rest_.subspan(1);
        return value;
    }
    // From the other end: two readers of one input do not shift each other's bytes when a mutation inserts one.
    std::uint8_t byte_from_end() {
        if (rest_.empty()) return 0;
        const std::uint8_t value = rest_.back();
        rest_ = rest_.first(rest_.size() - 1);
        return value;
    }
    std::uint16_t word() {
        const auto high = byte();
        return static_cast<std::uint16_t>(high << 8 | byte());
    }
    std::vector<std::uint8_t> bytes(std::size_t most) {
        const std::size_t size = most < rest_.size() ? most : rest_.size();
        std::vector<std::uint8_t> taken(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(size));
        rest_ = rest_.subspan(size);
        return taken;
    }
    std::span<const std::uint8_t> rest() const { return rest_; }

private:
    std::span<const std::uint8_t> rest_;
};

}  // namespace jpki::fuzz
