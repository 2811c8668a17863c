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
    SignatureScheme scheme;
    std::optional<Hash> hash;  // made in software over the data; none: the data is padded as it is
};

// All that the module knows. Those with SignatureScheme::pss_sha256 only where the card has it.
std::span<const MechanismFacts> all_mechanisms() noexcept;
const MechanismFacts* find_mechanism(CK_MECHANISM_TYPE type) noexcept;

// The mechanism of a caller with its parameter checked: none for PKCS#1; SHA-256, MGF1-SHA-256 and 32 bytes of salt for
// PSS. Throws CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
const MechanismFacts& take_mechanism(const CK_MECHANISM* mechanism);

// Hashes (PKCS#11 Current Mechanisms 2.40, 2.19 to 2.22), made in software. The card has none; but Java takes a hash from
// the token that signs with it, and without it does no PSS, and so no TLS 1.3.
struct DigestFacts {
    CK_MECHANISM_TYPE type;
    Hash hash;
    CK_ULONG size;  // of the hash, in bytes
};
std::span<const DigestFacts> all_digests() noexcept;
const DigestFacts* find_digest(CK_MECHANISM_TYPE type) noexcept;
// As take_mechanism.
const DigestFacts& take_digest(const CK_MECHANISM* mechanism);

// Key sizes in bits, and what the key may be used for; of a hash, that it is one.
CK_MECHANISM_INFO mechanism_info(CK_MECHANISM_TYPE type) noexcept;

}  // namespace jpki
