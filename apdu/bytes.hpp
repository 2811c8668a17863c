// Byte sequences for the whole project.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace jpki {

// Overwrites memory so that the compiler cannot optimise it away (OPENSSL_cleanse(3)).
void wipe(void* memory, std::size_t size) noexcept;

// An allocator that wipes memory before releasing it: also what a vector leaves behind when it grows.
template <class T> struct WipingAllocator {
    using value_type = T;

    WipingAllocator() noexcept = default;
    template <class U> WipingAllocator(const WipingAllocator<U>&) noexcept {}

    T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* memory, std::size_t count) noexcept {
        wipe(memory, count * sizeof(T));
        std::allocator<T>().deallocate(memory, count);
    }
    template <class U> bool operator==(const WipingAllocator<U>&) const noexcept { return true; }
};

// Data of a card may be its holder's name and address, and every sequence of bytes here may have come from a card: all of
// them are wiped. A certificate's 2 KB take less than a microsecond, one command of the card ten milliseconds.
using Bytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;
using ByteView = std::span<const std::uint8_t>;

// Compares with bytes in another container, as those of a test's card.
inline bool operator==(const Bytes& a, const std::vector<std::uint8_t>& b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace jpki
