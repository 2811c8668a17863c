// The mechanisms (PKCS#11 Current Mechanisms 2.40, 2.1): what each takes, and how the card is asked for it.
#pragma once

#include "apdu/facts.hpp"
#include "module/crypto.hpp"
#include "module/error.hpp"

#include <optional>
#include <span>

namespace jpki {

struct MechanismFacts {
    CK_MECHANISM_TYPE type;
    SignForm form;
    std::optional<Hash> hash;  // made in software over the data; none: the data is padded as it is
};

// All that the module knows. Those with SignForm::pss_sha256 only where the card has it.
std::span<const MechanismFacts> all_mechanisms() noexcept;
const MechanismFacts* find_mechanism(CK_MECHANISM_TYPE type) noexcept;

// The mechanism of a caller with its parameter checked: none for PKCS#1; SHA-256, MGF1-SHA-256 and 32 bytes of salt for
// PSS. Throws CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
const MechanismFacts& take_mechanism(const CK_MECHANISM* mechanism);

// Key sizes in bits, and CKF_SIGN and CKF_VERIFY.
CK_MECHANISM_INFO mechanism_info() noexcept;

}  // namespace jpki
