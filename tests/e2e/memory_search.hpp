// Searches all writable memory of this process without a copy of the pattern: the pattern is masked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace memory_search {

inline constexpr std::uint8_t mask = 0xA5;

[[noreturn]] inline void fail(const char* text) {
    std::fprintf(stderr, "FAILED: %s\n", text);
    std::exit(1);
}

inline void wipe(void* memory, std::size_t length) {
    auto* at = static_cast<volatile std::uint8_t*>(memory);
    for (std::size_t i = 0; i < length; ++i) at[i] = 0;
}

// How often the bytes that `masked` encodes are in writable memory. Copies nothing.
inline std::size_t times_found(std::span<const std::uint8_t> masked) {
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    if (!maps) fail("no /proc/self/maps");
    std::size_t found = 0, scanned = 0;
    char line[512];
    while (std::fgets(line, sizeof line, maps)) {
        std::uintptr_t begin = 0, end = 0;
        char rights[5] = {};
        if (std::sscanf(line, "%lx-%lx %4s", &begin, &end, rights) != 3 || rights[0] != 'r' || rights[1] != 'w') continue;
        const auto* memory = reinterpret_cast<const volatile std::uint8_t*>(begin);
        const std::size_t length = end - begin;
        scanned += length;
        for (std::size_t i = 0; i + masked.size() <= length; ++i) {
            std::size_t same = 0;
            while (same < masked.size() && (memory[i + same] ^ mask) == masked[same]) ++same;
            if (same == masked.size()) ++found;
        }
    }
    std::fclose(maps);
    if (scanned < 100'000) fail("there is more writable memory than that");
    return found;
}

}  // namespace memory_search
