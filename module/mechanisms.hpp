// The mechanisms (PKCS#11 Current Mechanisms 2.40, chapter 2), and PKCS#11's key types.
#pragma once

#include "apdu/public_key.hpp"
#include "apdu/signature_check.hpp"
#include "module/attributes.hpp"
#include "module/error.hpp"

#include <optional>
#include <span>

namespace jpki {

struct MechanismFacts {
    CK_MECHANISM_TYPE type;
    const SignatureScheme& scheme;
    std::optional<Hash> hash;  // computed in software over the data; none: the data is signed unchanged
    CK_FLAGS flags;            // of C_GetMechanismInfo
    bool (*takes_parameter)(const CK_MECHANISM& mechanism);
};

// All mechanisms of the module, for every key type (key_kinds.cpp).
std::span<const MechanismFacts> all_mechanisms() noexcept;
const MechanismFacts* find_mechanism(CK_MECHANISM_TYPE type) noexcept;

// The caller's mechanism with its parameter checked. Throws CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID,
// CKR_MECHANISM_PARAM_INVALID.
const MechanismFacts& take_mechanism(const CK_MECHANISM* mechanism);

// The attributes of an object that depend on its key type (PKCS#11 Current Mechanisms 2.40, 2.1.2, 2.1.3 and others).
struct KeyAttribute {
    CK_ATTRIBUTE_TYPE type;
    ObjectKinds of;
    Bytes (*value)(const PublicKey& key);
};
struct KeyKind {
    KeyType type;
    CK_KEY_TYPE pkcs11_type;                    // CKA_KEY_TYPE
    CK_MECHANISM_TYPE generation;               // CKA_KEY_GEN_MECHANISM
    std::span<const KeyAttribute> attributes;   // public values, of the certificate
    std::span<const CK_ATTRIBUTE_TYPE> secret;  // the parts of a private key that never leave the card
};
std::span<const KeyKind> all_key_kinds() noexcept;
const KeyKind& kind_of(KeyType type) noexcept;  // not for KeyType::other

// Hashes (PKCS#11 Current Mechanisms 2.40, 2.19 to 2.22), computed in software. The card has none; but Java takes the hash from
// the token that signs, and without it does not use PSS, and so no TLS 1.3.
struct DigestFacts {
    CK_MECHANISM_TYPE type;
    Hash hash;
    CK_ULONG size;  // of the hash, in bytes
};
std::span<const DigestFacts> all_digests() noexcept;
const DigestFacts* find_digest(CK_MECHANISM_TYPE type) noexcept;
// As take_mechanism.
const DigestFacts& take_digest(const CK_MECHANISM* mechanism);

// Key sizes in bits, and the permitted uses of the key; of a hash, CKF_DIGEST.
CK_MECHANISM_INFO mechanism_info(CK_MECHANISM_TYPE type) noexcept;

}  // namespace jpki
