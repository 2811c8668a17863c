// The objects of a token and their attributes (PKCS#11 4.4 to 4.9; module/README.md says which programs read what).
#include "module/attribute_rules.hpp"
#include "module/insertion.hpp"
#include "module/token.hpp"

#include <algorithm>

namespace jpki {

bool Token::is_private(ObjectKind kind) {
    switch (kind) {
    case ObjectKind::private_key: return true;
    case ObjectKind::certificate:
    case ObjectKind::public_key: return card().certificate_wants_pin(use_);
    default: return false;
    }
}

ObjectFacts Token::facts_of_object(ObjectKind kind) {
    return {use_, kind, is_private(kind), kind == ObjectKind::private_key && needs_consent_each()};
}

// Attributes known without the card.
std::optional<Bytes> Token::known_attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type) {
    const AttributeRule* rule = find_attribute_rule(type, kind);
    const auto* from_facts = rule ? std::get_if<FromFacts>(&rule->value) : nullptr;
    if (!from_facts) return std::nullopt;
    return (*from_facts)(facts_of_object(kind));
}

std::optional<Bytes> Token::key_attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type) {
    for (const KeyKind& key_kind : all_key_kinds())
        for (const KeyAttribute& attribute : key_kind.attributes) {
            if (attribute.type != type || !includes(attribute.of, kind) || !has_key_of(key_kind.type)) continue;
            const auto source = certificate_of(kind);
            if (source && source->key.type == key_kind.type) return attribute.value(source->key);
        }
    return std::nullopt;
}

std::optional<Bytes> Token::attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type) {
    const AttributeRule* rule = find_attribute_rule(type, kind);
    if (!rule) return is_key(kind) ? key_attribute(kind, type) : std::nullopt;
    if (const auto* from_facts = std::get_if<FromFacts>(&rule->value)) return (*from_facts)(facts_of_object(kind));
    if (const auto* from_key_kind = std::get_if<FromKeyKind>(&rule->value)) return (*from_key_kind)(kind_of(key_type()));
    if (const auto* from_mechanisms = std::get_if<FromMechanisms>(&rule->value)) return (*from_mechanisms)(mechanisms());
    const auto source = certificate_of(kind);
    if (!source) return std::nullopt;  // a key without its certificate: not known, not an error
    return std::get<FromCertificate>(rule->value)(*source);
}

bool Token::is_secret(ObjectKind kind, CK_ATTRIBUTE_TYPE type) {
    if (kind != ObjectKind::private_key) return false;
    return std::ranges::any_of(all_key_kinds(), [&](const KeyKind& key_kind) {
        return std::ranges::find(key_kind.secret, type) != key_kind.secret.end() && has_key_of(key_kind.type);
    });
}

bool Token::exists(ObjectKind kind) {
    switch (kind) {
    case ObjectKind::private_key:
        // A signature key whose signatures cannot be checked is not offered. For the authentication key nothing is read, so
        // that a first signature takes four commands; what is known of its certificate counts.
        return logged_in() && (use_ == KeyUse::authentication ? card().may_offer_key(use_) : usable_certificate() != nullptr);
    case ObjectKind::certificate:
    case ObjectKind::public_key:
        if (card().certificate_wants_pin(use_) && !logged_in()) return false;
        return (kind == ObjectKind::certificate ? certificate() : usable_certificate()) != nullptr;
    case ObjectKind::ca_certificate: return ca_certificate() != nullptr;
    // Means that certificates can be read without a login (PKCS#11 Profiles 3.0, public certificates token).
    case ObjectKind::profile: return use_ == KeyUse::authentication && card().certificate_is_public();
    }
    return false;
}

CK_OBJECT_HANDLE Token::match(ObjectKind kind, const Template& wanted) {
    std::vector<const Wanted*> expensive;
    for (const Wanted& attribute : wanted) {
        // Only a read of the file shows a phone, whose certificate is private.
        const bool open_question =
            use_ == KeyUse::authentication && (kind == ObjectKind::certificate || kind == ObjectKind::public_key);
        if (attribute.type == CKA_PRIVATE && open_question) continue;
        // An object that cannot match is not read.
        if (const auto value = known_attribute(kind, attribute.type)) {
            if (*value != attribute.value) return CK_INVALID_HANDLE;
        } else {
            expensive.push_back(&attribute);
        }
    }
    if (!exists(kind)) return CK_INVALID_HANDLE;
    // Now that the file was read.
    for (const Wanted& attribute : wanted)
        if (attribute.type == CKA_PRIVATE && attribute.value != bool_value(is_private(kind))) return CK_INVALID_HANDLE;
    for (const Wanted* attribute : expensive) {
        const auto value = this->attribute(kind, attribute->type);
        if (!value || *value != attribute->value) return CK_INVALID_HANDLE;
    }
    const MutexLock lock(mutex_);
    CK_OBJECT_HANDLE& handle = handles_[static_cast<std::size_t>(kind)];
    if (handle == CK_INVALID_HANDLE) handle = services_.next_handle();
    return handle;
}

ObjectKind Token::object(CK_OBJECT_HANDLE handle) {
    const MutexLock lock(mutex_);
    for (const ObjectKind kind : all_object_kinds) {
        if (handle == CK_INVALID_HANDLE || handles_[static_cast<std::size_t>(kind)] != handle) continue;
        // Those of a lost login; the next login makes new ones.
        require(!is_private(kind) || logged_in(), CKR_OBJECT_HANDLE_INVALID);
        return kind;
    }
    throw Error{CKR_OBJECT_HANDLE_INVALID};
}

// The handles of private objects become invalid with the login (PKCS#11 5.6, C_Logout): object() refuses them from then on, and
// the next login begins with this, so that they do not become valid again.
void Token::lose_private_handles() {
    const MutexLock lock(mutex_);
    for (const ObjectKind kind : all_object_kinds)
        if (is_private(kind)) handles_[static_cast<std::size_t>(kind)] = CK_INVALID_HANDLE;
}

}  // namespace jpki
