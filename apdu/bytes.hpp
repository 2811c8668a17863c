// Byte sequences as the whole project spells them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace jpki {

// Overwrites memory in a way that no compiler takes out (OPENSSL_cleanse(3)).
void wipe(void* memory, std::size_t size) noexcept;

// An allocator whose memory is wiped before it is given back: also what a vector leaves behind when it grows.
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

// What a card says may be its holder's name and address, and every sequence of bytes here may have come from a card: all of
// them are wiped. A certificate's 2 KB take less than a microsecond, one command of the card ten milliseconds.
using Bytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;
using ByteView = std::span<const std::uint8_t>;

// With bytes that are kept in another way, as those of a test's card are.
inline bool operator==(const Bytes& a, const std::vector<std::uint8_t>& b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace jpki
