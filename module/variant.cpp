#include "module/variant.hpp"

#include <array>

namespace jpki {

namespace {

#if defined(JPKI_VARIANT_AUTH)
constexpr std::array roles = {Role::authentication};
#elif defined(JPKI_VARIANT_SIGN)
constexpr std::array roles = {Role::signature};
#else
constexpr std::array roles = {Role::authentication, Role::signature};
#endif

}  // namespace

std::span<const Role> variant_roles() noexcept { return roles; }

}  // namespace jpki
