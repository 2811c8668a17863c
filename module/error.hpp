// What the standard has a name for, thrown as that name: caught at the boundary, returned as a CK_RV.
#pragma once

#include "module/pkcs11.hpp"

namespace jpki {

struct Error {
    CK_RV rv;
};

// For checks that read like the standard: require(count != nullptr, CKR_ARGUMENTS_BAD).
inline void require(bool condition, CK_RV otherwise) {
    if (!condition) throw Error{otherwise};
}

}  // namespace jpki
