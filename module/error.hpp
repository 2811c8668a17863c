// Errors with a CK_RV of the standard: thrown with it, caught at the boundary, returned.
#pragma once

#include "module/pkcs11.hpp"

namespace jpki {

struct Error {
    CK_RV rv;
};

// For checks in the standard's terms: require(count != nullptr, CKR_ARGUMENTS_BAD).
inline void require(bool condition, CK_RV otherwise) {
    if (!condition) throw Error{otherwise};
}

}  // namespace jpki
