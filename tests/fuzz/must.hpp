#pragma once

#include <cstdio>
#include <cstdlib>

namespace jpki::fuzz {

// clang 14 has no std::source_location.
inline void must(bool condition, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (condition) return;
    std::fprintf(stderr, "%s:%d: must be true\n", file, line);
    std::abort();
}

}  // namespace jpki::fuzz
