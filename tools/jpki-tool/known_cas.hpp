// The known certification authorities of J-LIS (apdu/README.md, Certificates), by key identifier: they all have the same
// name.
#pragma once

#include "apdu/bytes.hpp"
#include "apdu/key_use.hpp"

#include <span>
#include <string_view>

namespace jpki::tool {

struct KnownCa {
    KeyUse use;
    int generation;             // 1, 2, 3: generation of the key pair
    std::string_view from, to;  // validity, ISO 8601 dates
    std::string_view key_id;    // upper-case hexadecimal: all 20 bytes, or the known first bytes
    std::string_view sha256;    // of the CA certificate's DER; empty if not known
};

std::span<const KnownCa> known_cas() noexcept;

// NULL when none of `use` has this key identifier.
const KnownCa* find_known_ca(KeyUse use, ByteView key_id);

std::string hex(ByteView bytes);  // upper case

}  // namespace jpki::tool
