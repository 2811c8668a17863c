// Which of the card's keys this module shows. One source, three installed modules: both, authentication alone (for
// browsers: the certificate with a person's name must not show up in a TLS chooser), signature alone.
#pragma once

#include "apdu/role.hpp"

#include <span>

namespace jpki {

// In the order of the slots of a reader. Defined by variant.cpp, which is compiled once for each module.
std::span<const Role> variant_roles() noexcept;

inline bool variant_shows(Role role) noexcept {
    for (const Role shown : variant_roles())
        if (shown == role) return true;
    return false;
}

}  // namespace jpki
