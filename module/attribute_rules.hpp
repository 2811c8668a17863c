// The attributes of objects (PKCS#11 2.40, 4.4 to 4.9): which kinds of object have them, and where the value comes from.
#pragma once

#include "apdu/certificate.hpp"
#include "apdu/key_use.hpp"
#include "module/attributes.hpp"
#include "module/mechanisms.hpp"

#include <optional>
#include <variant>

namespace jpki {

// What is known of an object without a command to the card.
struct ObjectFacts {
    KeyUse use;
    ObjectKind kind;
    bool is_private;       // needs a login
    bool consent_to_each;  // signature.consent = "each", and the key that it is about
};

// The source of a value, in ascending order of cost.
using FromFacts = Bytes (*)(const ObjectFacts& object);                           // no command
using FromKeyKind = Bytes (*)(const KeyKind& kind);                               // determines the card's key type, once
using FromMechanisms = Bytes (*)(std::span<const CK_MECHANISM_TYPE> mechanisms);  // as C_GetMechanismList
using FromCertificate = Bytes (*)(const Certificate& certificate);                // reads the object's certificate

struct AttributeRule {
    CK_ATTRIBUTE_TYPE type;
    ObjectKinds of;
    std::variant<FromFacts, FromKeyKind, FromMechanisms, FromCertificate> value;
};

// NULL: objects of that kind do not have it, whatever their key (key_kinds.cpp has what depends on that).
const AttributeRule* find_attribute_rule(CK_ATTRIBUTE_TYPE type, ObjectKind kind) noexcept;

}  // namespace jpki
