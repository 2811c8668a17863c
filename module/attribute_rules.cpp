#include "module/attribute_rules.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace jpki {

namespace {

// --- values known without the card ---------------------------------------------------------------------------------------

Bytes yes(const ObjectFacts&) { return bool_value(true); }
Bytes no(const ObjectFacts&) { return bool_value(false); }
Bytes nothing(const ObjectFacts&) { return {}; }
Bytes zero(const ObjectFacts&) { return ulong_value(0); }
Bytes x509(const ObjectFacts&) { return ulong_value(CKC_X_509); }
Bytes public_certificates(const ObjectFacts&) { return ulong_value(CKP_PUBLIC_CERTIFICATES_TOKEN); }
Bytes is_private(const ObjectFacts& object) { return bool_value(object.is_private); }
Bytes consent_to_each(const ObjectFacts& object) { return bool_value(object.consent_to_each); }

Bytes class_of(const ObjectFacts& object) {
    static constexpr std::array<CK_OBJECT_CLASS, object_kinds> classes = {CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY,
                                                                          CKO_CERTIFICATE, CKO_PROFILE};
    return ulong_value(classes[static_cast<std::size_t>(object.kind)]);
}

// ASCII, without a colon, stable: they end up in URIs and nicknames. By key, then by kind of object.
Bytes label_of(const ObjectFacts& object) {
    static constexpr std::array<std::array<const char*, object_kinds>, 2> labels = {{
        {"User Authentication Certificate", "User Authentication Public Key", "User Authentication Key",
         "User Authentication CA Certificate", "Public Certificates Token Profile"},
        {"Digital Signature Certificate", "Digital Signature Public Key", "Digital Signature Key",
         "Digital Signature CA Certificate", "Public Certificates Token Profile"},
    }};
    return text_value(labels[index_of(object.use)][static_cast<std::size_t>(object.kind)]);
}

// CKA_UNIQUE_ID (PKCS#11 3.0, 4.4): each token has at most one object of a kind, so key and kind name it permanently and
// without a read of the card.
Bytes unique_id_of(const ObjectFacts& object) {
    static constexpr std::array<const char*, object_kinds> kinds = {"certificate", "public-key", "private-key", "ca-certificate",
                                                                    "profile"};
    return text_value((std::string("jpki-") + name_of(object.use) + "-" + kinds[static_cast<std::size_t>(object.kind)]).c_str());
}

// One byte: 01 authentication, 02 signature, the same for certificate and keys; usable in a URI before login and stable
// over renewal of the certificate. The CA certificates are 11 and 12, so that they match no key.
Bytes id_of(const ObjectFacts& object) {
    const auto number = static_cast<std::uint8_t>(index_of(object.use) + 1);
    return {static_cast<std::uint8_t>(object.kind == ObjectKind::ca_certificate ? 0x10 + number : number)};
}

// CKA_CERTIFICATE_CATEGORY (PKCS#11 4.6.2): 1 token user, 2 authority.
Bytes category_of(const ObjectFacts& object) { return ulong_value(object.kind == ObjectKind::certificate ? 1 : 2); }

// --- values that are read from the card ----------------------------------------------------------------------------------

Bytes key_type_of(const KeyKind& kind) { return ulong_value(kind.pkcs11_type); }
Bytes generation_of(const KeyKind& kind) { return ulong_value(kind.generation); }

Bytes list_of(std::span<const CK_MECHANISM_TYPE> mechanisms) {
    Bytes list;
    for (const CK_MECHANISM_TYPE mechanism : mechanisms) {
        const Bytes one = ulong_value(mechanism);
        list.insert(list.end(), one.begin(), one.end());
    }
    return list;
}

Bytes value_of(const Certificate& certificate) { return certificate.der; }
Bytes subject_of(const Certificate& certificate) { return certificate.subject; }
Bytes issuer_of(const Certificate& certificate) { return certificate.issuer; }
Bytes serial_number_of(const Certificate& certificate) { return certificate.serial_number; }
Bytes start_of(const Certificate& certificate) { return date_value(certificate.start_date); }
Bytes end_of(const Certificate& certificate) { return date_value(certificate.end_date); }
Bytes public_key_info_of(const Certificate& certificate) { return certificate.public_key_info; }

// --- the table -----------------------------------------------------------------------------------------------------------

constexpr AttributeRule rules[] = {
    {CKA_CLASS, of_all, class_of},
    {CKA_TOKEN, of_all, yes},
    {CKA_PRIVATE, of_all, is_private},
    {CKA_MODIFIABLE, of_all, no},
    {CKA_COPYABLE, of_all, no},
    {CKA_DESTROYABLE, of_all, no},
    {CKA_LABEL, of_all, label_of},
    {CKA_UNIQUE_ID, of_all, unique_id_of},
    {CKA_ID, of_certificates | of_keys, id_of},

    {CKA_CERTIFICATE_TYPE, of_certificates, x509},
    {CKA_CERTIFICATE_CATEGORY, of_certificates, category_of},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, of_certificates, zero},
    {CKA_URL, of_certificates, nothing},
    {CKA_TRUSTED, of_certificates | of_public_key, no},
    {CKA_VALUE, of_certificates, value_of},
    {CKA_SUBJECT, of_certificates | of_keys, subject_of},
    {CKA_ISSUER, of_certificates, issuer_of},
    {CKA_SERIAL_NUMBER, of_certificates, serial_number_of},
    {CKA_START_DATE, of_certificates, start_of},
    {CKA_END_DATE, of_certificates, end_of},
    {CKA_PUBLIC_KEY_INFO, of_certificates | of_keys, public_key_info_of},

    {CKA_KEY_TYPE, of_keys, key_type_of},
    {CKA_KEY_GEN_MECHANISM, of_keys, generation_of},
    {CKA_ALLOWED_MECHANISMS, of_keys, list_of},
    {CKA_START_DATE, of_keys, nothing},  // the certificate's dates belong to the certificate
    {CKA_END_DATE, of_keys, nothing},
    {CKA_DERIVE, of_keys, no},
    {CKA_LOCAL, of_keys, yes},  // made on the card

    {CKA_ALWAYS_AUTHENTICATE, of_private_key, consent_to_each},
    {CKA_SIGN, of_private_key, yes},
    {CKA_SENSITIVE, of_private_key, yes},
    {CKA_ALWAYS_SENSITIVE, of_private_key, yes},
    {CKA_NEVER_EXTRACTABLE, of_private_key, yes},
    {CKA_SIGN_RECOVER, of_private_key, no},
    {CKA_DECRYPT, of_private_key, no},
    {CKA_UNWRAP, of_private_key, no},
    {CKA_EXTRACTABLE, of_private_key, no},
    {CKA_WRAP_WITH_TRUSTED, of_private_key, no},

    {CKA_VERIFY, of_public_key, yes},
    {CKA_ENCRYPT, of_public_key, no},
    {CKA_VERIFY_RECOVER, of_public_key, no},
    {CKA_WRAP, of_public_key, no},

    {CKA_PROFILE_ID, of_profile, public_certificates},
};

}  // namespace

const AttributeRule* find_attribute_rule(CK_ATTRIBUTE_TYPE type, ObjectKind kind) noexcept {
    const auto found =
        std::ranges::find_if(rules, [&](const AttributeRule& rule) { return rule.type == type && includes(rule.of, kind); });
    return found == std::end(rules) ? nullptr : &*found;
}

}  // namespace jpki
