#include "module/mechanisms.hpp"

#include <array>
#include <cstring>

namespace jpki {

namespace {

constexpr std::array<MechanismFacts, 6> table = {{
    {CKM_RSA_PKCS, SignForm::pkcs1_padding, std::nullopt},
    {CKM_SHA256_RSA_PKCS, SignForm::pkcs1_padding, Hash::sha256},
    {CKM_SHA384_RSA_PKCS, SignForm::pkcs1_padding, Hash::sha384},
    {CKM_SHA512_RSA_PKCS, SignForm::pkcs1_padding, Hash::sha512},
    {CKM_RSA_PKCS_PSS, SignForm::pss_sha256, std::nullopt},
    {CKM_SHA256_RSA_PKCS_PSS, SignForm::pss_sha256, Hash::sha256},
}};

bool is_the_cards_pss(const CK_MECHANISM& mechanism) noexcept {
    if (mechanism.pParameter == nullptr || mechanism.ulParameterLen != sizeof(CK_RSA_PKCS_PSS_PARAMS)) return false;
    CK_RSA_PKCS_PSS_PARAMS parameters;  // copied: nothing says that the caller's pointer is aligned
    std::memcpy(&parameters, mechanism.pParameter, sizeof parameters);
    return parameters.hashAlg == CKM_SHA256 && parameters.mgf == CKG_MGF1_SHA256 && parameters.sLen == 32;
}

}  // namespace

std::span<const MechanismFacts> all_mechanisms() noexcept { return table; }

const MechanismFacts* find_mechanism(CK_MECHANISM_TYPE type) noexcept {
    for (const MechanismFacts& facts : table)
        if (facts.type == type) return &facts;
    return nullptr;
}

const MechanismFacts& take_mechanism(const CK_MECHANISM* mechanism) {
    require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
    const MechanismFacts* facts = find_mechanism(mechanism->mechanism);
    require(facts != nullptr, CKR_MECHANISM_INVALID);
    if (facts->form == SignForm::pss_sha256) require(is_the_cards_pss(*mechanism), CKR_MECHANISM_PARAM_INVALID);
    else require(mechanism->ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
    return *facts;
}

CK_MECHANISM_INFO mechanism_info() noexcept {
    // CKF_HW: the signature is made by the card. Verification is not, but one set of flags serves both.
    return {2048, 2048, CKF_HW | CKF_SIGN | CKF_VERIFY};
}

}  // namespace jpki
