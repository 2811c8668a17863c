#include "module/variant.hpp"

#include <array>

namespace jpki {

namespace {

#if defined(JPKI_VARIANT_AUTH)
constexpr std::array uses = {KeyUse::authentication};
#elif defined(JPKI_VARIANT_SIGN)
constexpr std::array uses = {KeyUse::signature};
#else
constexpr std::array uses = {KeyUse::authentication, KeyUse::signature};
#endif

}  // namespace

std::span<const KeyUse> variant_key_uses() noexcept { return uses; }

}  // namespace jpki
