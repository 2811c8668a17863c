#pragma once

#include <cstdlib>

namespace jpki::fuzz {

inline void must(bool condition) {
    if (!condition) std::abort();
}

}  // namespace jpki::fuzz
