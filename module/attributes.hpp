// The kinds of objects, and templates in the form that the module uses.
#pragma once

#include "apdu/bytes.hpp"
#include "module/error.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace jpki {

enum class ObjectKind : std::size_t { certificate, public_key, private_key, ca_certificate, profile };
inline constexpr std::size_t object_kinds = 5;
inline constexpr std::array<ObjectKind, object_kinds> all_object_kinds = {
    ObjectKind::certificate, ObjectKind::public_key, ObjectKind::private_key, ObjectKind::ca_certificate, ObjectKind::profile};

// A set of kinds: one bit each.
using ObjectKinds = unsigned;
constexpr ObjectKinds just(ObjectKind kind) noexcept { return 1U << static_cast<std::size_t>(kind); }
inline constexpr ObjectKinds of_certificate = just(ObjectKind::certificate), of_ca_certificate = just(ObjectKind::ca_certificate),
                             of_public_key = just(ObjectKind::public_key), of_private_key = just(ObjectKind::private_key),
                             of_profile = just(ObjectKind::profile);
inline constexpr ObjectKinds of_certificates = of_certificate | of_ca_certificate, of_keys = of_public_key | of_private_key,
                             of_all = of_certificates | of_keys | of_profile;
constexpr bool includes(ObjectKinds kinds, ObjectKind kind) noexcept { return (kinds & just(kind)) != 0; }
constexpr bool is_key(ObjectKind kind) noexcept { return includes(of_keys, kind); }

// A copy of the caller's search template: it may be used after the caller's memory is freed.
struct Wanted {
    CK_ATTRIBUTE_TYPE type;
    Bytes value;
};
using Template = std::vector<Wanted>;

// Throws CKR_ARGUMENTS_BAD for NULL with a length, CKR_ATTRIBUTE_VALUE_INVALID for a length that no attribute has.
Template take_template(const CK_ATTRIBUTE* attributes, CK_ULONG count);

// Attribute values in PKCS#11's memory representation.
Bytes bool_value(bool value);
Bytes ulong_value(CK_ULONG value);
Bytes text_value(const char* text);
// CK_DATE from YYYYMMDD; empty if the date is not known.
Bytes date_value(const std::string& yyyymmdd);

// C_GetAttributeValue's rules for one attribute (PKCS#11 5.7): NULL returns the length; too short and unknown set
// CK_UNAVAILABLE_INFORMATION. Returns CKR_OK, CKR_ATTRIBUTE_TYPE_INVALID or CKR_BUFFER_TOO_SMALL.
CK_RV give_attribute(CK_ATTRIBUTE& out, const std::optional<Bytes>& value);

}  // namespace jpki
