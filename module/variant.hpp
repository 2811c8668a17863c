// The keys that this module shows. One source, three installed modules: both, authentication only (for
// browsers: the certificate with a person's name must not appear in a TLS chooser), signature only.
#pragma once

#include "apdu/key_use.hpp"

#include <span>

namespace jpki {

// In the order of the slots of a reader. Defined in variant.cpp, which is compiled once for each module.
std::span<const KeyUse> variant_key_uses() noexcept;

}  // namespace jpki
