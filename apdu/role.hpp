// The two keys of the card, each with its own PIN, certificate and CA certificate (apdu/README.md, Files).
#pragma once

#include <array>
#include <cstddef>

namespace jpki {

enum class Role : std::size_t { authentication = 0, signature = 1 };

inline constexpr std::array<Role, 2> all_roles = {Role::authentication, Role::signature};

constexpr std::size_t index_of(Role role) noexcept { return static_cast<std::size_t>(role); }
constexpr Role other(Role role) noexcept {
    return role == Role::authentication ? Role::signature : Role::authentication;
}
constexpr const char* name_of(Role role) noexcept {
    return role == Role::authentication ? "authentication" : "signature";
}

}  // namespace jpki
