// The objects of a token and their attributes (PKCS#11 4.4 to 4.9, module/README.md for who asks what).
#include "module/token.hpp"

#include "module/insertion.hpp"

#include <algorithm>

namespace jpki {

namespace {

struct Names {
    const char *certificate, *public_key, *private_key, *ca_certificate;
};
// ASCII, without a colon, stable: they end up in URIs and nicknames.
constexpr std::array<Names, 2> names = {{
    {"User Authentication Certificate", "User Authentication Public Key", "User Authentication Key",
     "User Authentication CA Certificate"},
    {"Digital Signature Certificate", "Digital Signature Public Key", "Digital Signature Key",
     "Digital Signature CA Certificate"},
}};
constexpr const char* profile_name = "Public Certificates Token Profile";

const char* label_of(KeyUse use, ObjectKind kind) {
    const Names& of = names[index_of(use)];
    switch (kind) {
    case ObjectKind::certificate: return of.certificate;
    case ObjectKind::public_key: return of.public_key;
    case ObjectKind::private_key: return of.private_key;
    case ObjectKind::ca_certificate: return of.ca_certificate;
    case ObjectKind::profile: return profile_name;
    }
    return "";
}

// One byte: 01 authentication, 02 signature, the same for certificate and keys; usable in a URI before login and stable
// over renewal of the certificate. The CA certificates are 11 and 12, so that no key seems to belong to them.
Bytes id_of(KeyUse use, ObjectKind kind) {
    const auto number = static_cast<std::uint8_t>(index_of(use) + 1);
    return {static_cast<std::uint8_t>(kind == ObjectKind::ca_certificate ? 0x10 + number : number)};
}

CK_OBJECT_CLASS class_of(ObjectKind kind) {
    switch (kind) {
    case ObjectKind::certificate:
    case ObjectKind::ca_certificate: return CKO_CERTIFICATE;
    case ObjectKind::public_key: return CKO_PUBLIC_KEY;
    case ObjectKind::private_key: return CKO_PRIVATE_KEY;
    case ObjectKind::profile: return CKO_PROFILE;
    }
    return CKO_DATA;
}

// CKA_CERTIFICATE_CATEGORY (PKCS#11 4.6.2).
constexpr CK_ULONG category_token_user = 1;
constexpr CK_ULONG category_authority = 2;

std::optional<Bytes> key_attribute(ObjectKind kind, KeyUse use, CK_ATTRIBUTE_TYPE type) {
    const bool is_private = kind == ObjectKind::private_key;
    switch (type) {
    case CKA_ID: return id_of(use, kind);
    case CKA_KEY_TYPE: return ulong_value(CKK_RSA);
    case CKA_START_DATE:
    case CKA_END_DATE: return Bytes();  // the certificate's dates are the certificate's
    case CKA_DERIVE: return bool_value(false);
    case CKA_LOCAL: return bool_value(true);  // made on the card
    case CKA_KEY_GEN_MECHANISM: return ulong_value(CKM_RSA_PKCS_KEY_PAIR_GEN);
    default: break;
    }
    if (is_private) switch (type) {
        case CKA_SIGN:
        case CKA_SENSITIVE:
        case CKA_ALWAYS_SENSITIVE:
        case CKA_NEVER_EXTRACTABLE: return bool_value(true);
        case CKA_SIGN_RECOVER:
        case CKA_DECRYPT:
        case CKA_UNWRAP:
        case CKA_EXTRACTABLE:
        case CKA_WRAP_WITH_TRUSTED: return bool_value(false);
        default: return std::nullopt;
        }
    switch (type) {
    case CKA_VERIFY: return bool_value(true);
    case CKA_ENCRYPT:
    case CKA_VERIFY_RECOVER:
    case CKA_WRAP:
    case CKA_TRUSTED: return bool_value(false);
    default: return std::nullopt;
    }
}

// CKA_UNIQUE_ID (PKCS#11 3.0, 4.4): each token has at most one object of a kind, so key and kind name it, forever and
// without a look at the card.
std::string unique_id_of(KeyUse use, ObjectKind kind) {
    static constexpr std::array<const char*, object_kinds> kinds = {"certificate", "public-key", "private-key", "ca-certificate",
                                                                    "profile"};
    return std::string(use == KeyUse::authentication ? "jpki-authentication-" : "jpki-signature-") +
           kinds[static_cast<std::size_t>(kind)];
}

bool is_certificate(ObjectKind kind) { return kind == ObjectKind::certificate || kind == ObjectKind::ca_certificate; }

}  // namespace

bool Token::is_private(ObjectKind kind) {
    switch (kind) {
    case ObjectKind::private_key: return true;
    case ObjectKind::certificate:
    case ObjectKind::public_key: return card().certificate_wants_pin(use_);
    default: return false;
    }
}

// What is known without the card.
std::optional<Bytes> Token::static_attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type) {
    switch (type) {
    case CKA_CLASS: return ulong_value(class_of(kind));
    case CKA_TOKEN: return bool_value(true);
    case CKA_PRIVATE: return bool_value(is_private(kind));
    case CKA_MODIFIABLE:
    case CKA_COPYABLE: return bool_value(false);
    case CKA_DESTROYABLE: return bool_value(false);
    case CKA_LABEL: return text_value(label_of(use_, kind));
    case CKA_UNIQUE_ID: return text_value(unique_id_of(use_, kind).c_str());
    default: break;
    }
    if (kind == ObjectKind::private_key && type == CKA_ALWAYS_AUTHENTICATE) return bool_value(needs_consent_each());
    if (is_key(kind)) return key_attribute(kind, use_, type);
    if (is_certificate(kind)) switch (type) {
        case CKA_ID: return id_of(use_, kind);
        case CKA_CERTIFICATE_TYPE: return ulong_value(CKC_X_509);
        case CKA_CERTIFICATE_CATEGORY:
            return ulong_value(kind == ObjectKind::certificate ? category_token_user : category_authority);
        case CKA_TRUSTED: return bool_value(false);
        case CKA_JAVA_MIDP_SECURITY_DOMAIN: return ulong_value(0);
        case CKA_URL: return Bytes();
        default: return std::nullopt;
        }
    if (type == CKA_PROFILE_ID) return ulong_value(CKP_PUBLIC_CERTIFICATES_TOKEN);
    return std::nullopt;
}

// What the certificate says.
std::optional<Bytes> Token::certificate_attribute(const Certificate& certificate, ObjectKind kind, CK_ATTRIBUTE_TYPE type) {
    if (is_key(kind)) switch (type) {
        case CKA_SUBJECT: return certificate.subject;
        case CKA_MODULUS: return certificate.key.modulus;
        case CKA_PUBLIC_EXPONENT: return certificate.key.public_exponent;
        case CKA_MODULUS_BITS:
            if (kind == ObjectKind::public_key) return ulong_value(static_cast<CK_ULONG>(certificate.key.modulus.size() * 8));
            return std::nullopt;
        case CKA_PUBLIC_KEY_INFO: return certificate.public_key_info;
        default: return std::nullopt;
        }
    switch (type) {
    case CKA_VALUE: return certificate.der;
    case CKA_SUBJECT: return certificate.subject;
    case CKA_ISSUER: return certificate.issuer;
    case CKA_SERIAL_NUMBER: return certificate.serial_number;
    case CKA_START_DATE: return date_value(certificate.start_date);
    case CKA_END_DATE: return date_value(certificate.end_date);
    case CKA_PUBLIC_KEY_INFO: return certificate.public_key_info;
    default: return std::nullopt;
    }
}

std::optional<Bytes> Token::attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type) {
    if (auto value = static_attribute(kind, type)) return value;
    if (kind == ObjectKind::profile) return std::nullopt;
    if (is_key(kind) && type == CKA_ALLOWED_MECHANISMS) {
        Bytes list;
        for (const CK_MECHANISM_TYPE mechanism : mechanisms()) {
            const Bytes one = ulong_value(mechanism);
            list.insert(list.end(), one.begin(), one.end());
        }
        return list;
    }
    // Only for a type that a certificate answers is the certificate read.
    if (!certificate_attribute(Certificate{}, kind, type)) return std::nullopt;
    const auto source = kind == ObjectKind::ca_certificate ? ca_certificate()
                        : is_key(kind)                     ? usable_certificate()
                                                           : certificate();
    if (!source) return std::nullopt;  // a key without its certificate: not known, not an error
    return certificate_attribute(*source, kind, type);
}

bool Token::exists(ObjectKind kind) {
    switch (kind) {
    case ObjectKind::private_key:
        // A signature key whose signatures cannot be checked is not offered. For that of authentication nothing is read, so
        // that a first signature costs four commands; what is known of its certificate counts.
        return logged_in() && (use_ == KeyUse::authentication ? card().may_offer_key(use_) : usable_certificate() != nullptr);
    case ObjectKind::certificate:
    case ObjectKind::public_key:
        if (card().certificate_wants_pin(use_) && !logged_in()) return false;
        return (kind == ObjectKind::certificate ? certificate() : usable_certificate()) != nullptr;
    case ObjectKind::ca_certificate: return ca_certificate() != nullptr;
    // Says that certificates can be read without a login (PKCS#11 Profiles 3.0, public certificates token).
    case ObjectKind::profile: return use_ == KeyUse::authentication && card().certificate_is_public();
    }
    return false;
}

CK_OBJECT_HANDLE Token::match(ObjectKind kind, const Template& wanted) {
    std::vector<const Wanted*> expensive;
    for (const Wanted& attribute : wanted) {
        // Only a look at the file tells a phone, whose certificate is private.
        const bool open_question =
            use_ == KeyUse::authentication && (kind == ObjectKind::certificate || kind == ObjectKind::public_key);
        if (attribute.type == CKA_PRIVATE && open_question) continue;
        // What cannot match is not read.
        if (const auto value = static_attribute(kind, attribute.type)) {
            if (*value != attribute.value) return CK_INVALID_HANDLE;
        } else {
            expensive.push_back(&attribute);
        }
    }
    if (!exists(kind)) return CK_INVALID_HANDLE;
    // Now that the file was looked at.
    for (const Wanted& attribute : wanted)
        if (attribute.type == CKA_PRIVATE && attribute.value != bool_value(is_private(kind))) return CK_INVALID_HANDLE;
    for (const Wanted* attribute : expensive) {
        const auto value = this->attribute(kind, attribute->type);
        if (!value || *value != attribute->value) return CK_INVALID_HANDLE;
    }
    const std::scoped_lock lock(mutex_);
    CK_OBJECT_HANDLE& handle = handles_[static_cast<std::size_t>(kind)];
    if (handle == CK_INVALID_HANDLE) handle = services_.next_handle();
    return handle;
}

ObjectKind Token::object(CK_OBJECT_HANDLE handle) {
    const std::scoped_lock lock(mutex_);
    for (const ObjectKind kind : all_object_kinds) {
        if (handle == CK_INVALID_HANDLE || handles_[static_cast<std::size_t>(kind)] != handle) continue;
        // Those of a login that was lost; the next login makes new ones.
        require(!is_private(kind) || logged_in(), CKR_OBJECT_HANDLE_INVALID);
        return kind;
    }
    throw Error{CKR_OBJECT_HANDLE_INVALID};
}

// The handles of private objects die with the login (PKCS#11 5.6, C_Logout).
void Token::lose_private_handles() {
    const std::scoped_lock lock(mutex_);
    for (const ObjectKind kind : all_object_kinds)
        if (is_private(kind)) handles_[static_cast<std::size_t>(kind)] = CK_INVALID_HANDLE;
}

}  // namespace jpki
