// The kinds of key that a card may have, as PKCS#11 names them, their attributes and their mechanisms: one row each. In
// module/ only this file distinguishes key types.
#include "apdu/der.hpp"
#include "module/mechanisms.hpp"

#include <array>
#include <cstring>

namespace jpki {

namespace {

// --- RSA (PKCS#11 Current Mechanisms 2.40, 2.1) ---
constexpr std::array<KeyAttribute, 3> rsa_attributes = {{
    {CKA_MODULUS, of_keys, [](const PublicKey& key) { return key.modulus; }},
    {CKA_PUBLIC_EXPONENT, of_keys, [](const PublicKey& key) { return key.public_exponent; }},
    {CKA_MODULUS_BITS, of_public_key,
     [](const PublicKey& key) { return ulong_value(static_cast<CK_ULONG>(key.modulus.size() * 8)); }},
}};
constexpr std::array<CK_ATTRIBUTE_TYPE, 6> rsa_secrets = {CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
                                                          CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT};

bool takes_no_parameter(const CK_MECHANISM& mechanism) noexcept { return mechanism.ulParameterLen == 0; }

// SHA-256, MGF1 of SHA-256 and 32 bytes of salt: the card's PSS with P1 = 04.
bool is_the_cards_pss(const CK_MECHANISM& mechanism) noexcept {
    if (mechanism.pParameter == nullptr || mechanism.ulParameterLen != sizeof(CK_RSA_PKCS_PSS_PARAMS)) return false;
    CK_RSA_PKCS_PSS_PARAMS parameters;  // copied: the caller's pointer need not be aligned
    std::memcpy(&parameters, mechanism.pParameter, sizeof parameters);
    return parameters.hashAlg == CKM_SHA256 && parameters.mgf == CKG_MGF1_SHA256 && parameters.sLen == size_of(Hash::sha256);
}

// --- EC (PKCS#11 Current Mechanisms 2.40, 2.3): a guess, apdu/README.md, The next card ---
constexpr std::array<KeyAttribute, 2> ec_attributes = {{
    {CKA_EC_PARAMS, of_keys, [](const PublicKey& key) { return key.ec_parameters; }},
    {CKA_EC_POINT, of_public_key,
     [](const PublicKey& key) {
         Bytes point = {der::octet_string,
                        static_cast<std::uint8_t>(key.ec_point.size())};  // P-384: 97 bytes, one byte of length
         point.insert(point.end(), key.ec_point.begin(), key.ec_point.end());
         return point;
     }},
}};
constexpr std::array<CK_ATTRIBUTE_TYPE, 1> ec_secrets = {CKA_VALUE};

constexpr std::array<KeyKind, 2> kinds = {{
    {KeyType::rsa, CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, rsa_attributes, rsa_secrets},
    {KeyType::ec, CKK_EC, CKM_EC_KEY_PAIR_GEN, ec_attributes, ec_secrets},
}};

// CKF_HW: the card makes the signature. Verification is in software, but one set of flags serves both.
constexpr CK_FLAGS signs = CKF_HW | CKF_SIGN | CKF_VERIFY;
constexpr CK_FLAGS signs_on_curve = signs | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;

constexpr std::array<MechanismFacts, 9> mechanisms = {{
    {CKM_RSA_PKCS, rsa_pkcs1, std::nullopt, signs, takes_no_parameter},
    {CKM_SHA256_RSA_PKCS, rsa_pkcs1, Hash::sha256, signs, takes_no_parameter},
    {CKM_SHA384_RSA_PKCS, rsa_pkcs1, Hash::sha384, signs, takes_no_parameter},
    {CKM_SHA512_RSA_PKCS, rsa_pkcs1, Hash::sha512, signs, takes_no_parameter},
    {CKM_RSA_PKCS_PSS, rsa_pss_sha256, std::nullopt, signs, is_the_cards_pss},
    {CKM_SHA256_RSA_PKCS_PSS, rsa_pss_sha256, Hash::sha256, signs, is_the_cards_pss},
    {CKM_ECDSA, ecdsa, std::nullopt, signs_on_curve, takes_no_parameter},
    {CKM_ECDSA_SHA256, ecdsa, Hash::sha256, signs_on_curve, takes_no_parameter},
    {CKM_ECDSA_SHA384, ecdsa, Hash::sha384, signs_on_curve, takes_no_parameter},
}};

}  // namespace

std::span<const MechanismFacts> all_mechanisms() noexcept { return mechanisms; }

std::span<const KeyKind> all_key_kinds() noexcept { return kinds; }

const KeyKind& kind_of(KeyType type) noexcept {
    for (const KeyKind& kind : kinds)
        if (kind.type == type) return kind;
    return kinds.front();
}

}  // namespace jpki
