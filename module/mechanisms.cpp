#include "module/mechanisms.hpp"

#include <algorithm>
#include <array>

namespace jpki {

namespace {

constexpr std::array<DigestFacts, 3> digests = {{
    {CKM_SHA256, Hash::sha256, 32},
    {CKM_SHA384, Hash::sha384, 48},
    {CKM_SHA512, Hash::sha512, 64},
}};

template <class Facts> const Facts* find_in(std::span<const Facts> facts, CK_MECHANISM_TYPE type) noexcept {
    const auto at = std::find_if(facts.begin(), facts.end(), [type](const Facts& one) { return one.type == type; });
    return at == facts.end() ? nullptr : &*at;
}

}  // namespace

const MechanismFacts* find_mechanism(CK_MECHANISM_TYPE type) noexcept { return find_in(all_mechanisms(), type); }

std::span<const DigestFacts> all_digests() noexcept { return digests; }

const DigestFacts* find_digest(CK_MECHANISM_TYPE type) noexcept { return find_in(all_digests(), type); }

const MechanismFacts& take_mechanism(const CK_MECHANISM* mechanism) {
    require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
    const MechanismFacts* facts = find_mechanism(mechanism->mechanism);
    require(facts != nullptr, CKR_MECHANISM_INVALID);
    require(facts->takes_parameter(*mechanism), CKR_MECHANISM_PARAM_INVALID);
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
    const MechanismFacts* facts = find_mechanism(type);
    if (!facts) return {0, 0, CKF_DIGEST};
    const auto bits = static_cast<CK_ULONG>(facts->scheme.key_bits);
    return {bits, bits, facts->flags};
}

}  // namespace jpki
