// Byte sequences as the whole project spells them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace jpki {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

}  // namespace jpki
