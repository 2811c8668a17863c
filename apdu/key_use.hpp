// The two keys of the card, each with its own PIN, certificate and CA certificate (apdu/README.md, Files).
#pragma once

#include <array>
#include <cstddef>

namespace jpki {

enum class KeyUse : std::size_t { authentication = 0, signature = 1 };

inline constexpr std::array<KeyUse, 2> all_key_uses = {KeyUse::authentication, KeyUse::signature};

constexpr std::size_t index_of(KeyUse use) noexcept { return static_cast<std::size_t>(use); }
constexpr KeyUse other(KeyUse use) noexcept { return use == KeyUse::authentication ? KeyUse::signature : KeyUse::authentication; }
constexpr const char* name_of(KeyUse use) noexcept { return use == KeyUse::authentication ? "authentication" : "signature"; }

}  // namespace jpki
