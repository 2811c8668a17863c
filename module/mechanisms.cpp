#include "module/mechanisms.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace jpki {

namespace {

constexpr std::array<MechanismFacts, 6> table = {{
    {CKM_RSA_PKCS, SignatureScheme::pkcs1_padding, std::nullopt},
    {CKM_SHA256_RSA_PKCS, SignatureScheme::pkcs1_padding, Hash::sha256},
    {CKM_SHA384_RSA_PKCS, SignatureScheme::pkcs1_padding, Hash::sha384},
    {CKM_SHA512_RSA_PKCS, SignatureScheme::pkcs1_padding, Hash::sha512},
    {CKM_RSA_PKCS_PSS, SignatureScheme::pss_sha256, std::nullopt},
    {CKM_SHA256_RSA_PKCS_PSS, SignatureScheme::pss_sha256, Hash::sha256},
}};

constexpr std::array<DigestFacts, 3> digests = {{
    {CKM_SHA256, Hash::sha256, 32},
    {CKM_SHA384, Hash::sha384, 48},
    {CKM_SHA512, Hash::sha512, 64},
}};

template <class Facts> const Facts* find_in(std::span<const Facts> facts, CK_MECHANISM_TYPE type) noexcept {
    const auto at = std::find_if(facts.begin(), facts.end(), [type](const Facts& one) { return one.type == type; });
    return at == facts.end() ? nullptr : &*at;
}

bool is_the_cards_pss(const CK_MECHANISM& mechanism) noexcept {
    if (mechanism.pParameter == nullptr || mechanism.ulParameterLen != sizeof(CK_RSA_PKCS_PSS_PARAMS)) return false;
    CK_RSA_PKCS_PSS_PARAMS parameters;  // copied: nothing says that the caller's pointer is aligned
    std::memcpy(&parameters, mechanism.pParameter, sizeof parameters);
    return parameters.hashAlg == CKM_SHA256 && parameters.mgf == CKG_MGF1_SHA256 && parameters.sLen == 32;
}

}  // namespace

std::span<const MechanismFacts> all_mechanisms() noexcept { return table; }

const MechanismFacts* find_mechanism(CK_MECHANISM_TYPE type) noexcept { return find_in(all_mechanisms(), type); }

std::span<const DigestFacts> all_digests() noexcept { return digests; }

const DigestFacts* find_digest(CK_MECHANISM_TYPE type) noexcept { return find_in(all_digests(), type); }

const MechanismFacts& take_mechanism(const CK_MECHANISM* mechanism) {
    require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
    const MechanismFacts* facts = find_mechanism(mechanism->mechanism);
    require(facts != nullptr, CKR_MECHANISM_INVALID);
    if (facts->scheme == SignatureScheme::pss_sha256) require(is_the_cards_pss(*mechanism), CKR_MECHANISM_PARAM_INVALID);
    else require(mechanism->ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
    return *facts;
}

const DigestFacts& take_digest(const CK_MECHANISM* mechanism) {
    require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
    const DigestFacts* facts = find_digest(mechanism->mechanism);
    require(facts != nullptr, CKR_MECHANISM_INVALID);
    require(mechanism->ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
    return *facts;
}

CK_MECHANISM_INFO mechanism_info(CK_MECHANISM_TYPE type) noexcept {
    if (find_digest(type)) return {0, 0, CKF_DIGEST};
    // CKF_HW: the signature is made by the card. Verification is not, but one set of flags serves both.
    return {2048, 2048, CKF_HW | CKF_SIGN | CKF_VERIFY};
}

}  // namespace jpki
