// The objects of both slots and every attribute of them, compared with what OpenSSL reads out of the card's certificates.
#include "fixture.hpp"
#include "openssl_reads.hpp"

#include <cstdio>
#include <cstring>
#include <map>
#include <openssl/evp.h>
#include <set>

using namespace jpki::test;

namespace {

Bytes ulong_bytes(CK_ULONG value) {
    Bytes bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}
Bytes flag(bool value) { return {static_cast<std::uint8_t>(value)}; }
Bytes string_bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string string_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

std::map<CK_ATTRIBUTE_TYPE, Bytes> attributes_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
    std::map<CK_ATTRIBUTE_TYPE, Bytes> result;
    for (auto& [type, value] : all_attributes(session, object)) result.emplace(type, std::move(value));
    return result;
}

// Each class found, and how often.
std::map<CK_OBJECT_CLASS, int> classes(CK_SESSION_HANDLE session) {
    std::map<CK_OBJECT_CLASS, int> result;
    for (const auto object : find(session)) {
        CK_OBJECT_CLASS object_class = 0;
        const Bytes value = attribute(session, object, CKA_CLASS);
        BOOST_REQUIRE_EQUAL(value.size(), sizeof object_class);
        std::memcpy(&object_class, value.data(), sizeof object_class);
        ++result[object_class];
    }
    return result;
}

CK_OBJECT_HANDLE find_one(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, std::uint8_t id) {
    const auto found = find(session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, &id, 1}});
    BOOST_REQUIRE_EQUAL(found.size(), 1u);
    return found.front();
}

using Expected = std::map<CK_ATTRIBUTE_TYPE, Bytes>;

void check_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const Expected& expected) {
    const auto has = attributes_of(session, object);
    for (const auto& [type, value] : expected) BOOST_TEST_CONTEXT("attribute " << std::hex << type) {
            BOOST_REQUIRE(has.contains(type));
            BOOST_CHECK_EQUAL_COLLECTIONS(has.at(type).begin(), has.at(type).end(), value.begin(), value.end());
        }
    // No value that was not checked is returned.
    for (const auto& [type, value] : has)
        BOOST_CHECK_MESSAGE(expected.contains(type) || type == CKA_LABEL, "unexpected attribute " << std::hex << type);
}

Expected common(CK_OBJECT_CLASS object_class, bool is_private) {
    return {{CKA_CLASS, ulong_bytes(object_class)}, {CKA_TOKEN, flag(true)},     {CKA_PRIVATE, flag(is_private)},
            {CKA_MODIFIABLE, flag(false)},          {CKA_COPYABLE, flag(false)}, {CKA_DESTROYABLE, flag(false)}};
}

Bytes unique_id(std::uint8_t id, const std::string& what) {
    return string_bytes(((id & 0x0F) == 1 ? "jpki-authentication-" : "jpki-signature-") + what);
}

Expected certificate_attributes(const Bytes& der, std::uint8_t id, CK_ULONG category, bool is_private) {
    const OpensslReads reads(der);
    Expected expected = common(CKO_CERTIFICATE, is_private);
    expected.insert({{CKA_ID, {id}},
                     {CKA_UNIQUE_ID, unique_id(id, category == 1 ? "certificate" : "ca-certificate")},
                     {CKA_CERTIFICATE_TYPE, ulong_bytes(CKC_X_509)},
                     {CKA_CERTIFICATE_CATEGORY, ulong_bytes(category)},
                     {CKA_TRUSTED, flag(false)},
                     {CKA_VALUE, der},
                     {CKA_SUBJECT, reads.subject},
                     {CKA_ISSUER, reads.issuer},
                     {CKA_SERIAL_NUMBER, reads.serial_number},
                     {CKA_START_DATE, string_bytes(reads.start_date)},
                     {CKA_END_DATE, string_bytes(reads.end_date)},
                     {CKA_PUBLIC_KEY_INFO, reads.public_key_info},
                     {CKA_URL, {}},
                     {CKA_JAVA_MIDP_SECURITY_DOMAIN, ulong_bytes(0)}});
    return expected;
}

Expected key_attributes(const Bytes& der, CK_OBJECT_CLASS object_class, std::uint8_t id, bool is_private) {
    const OpensslReads reads(der);
    Bytes mechanisms;
    for (const CK_ULONG one :
         {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS})
        for (const std::uint8_t byte : ulong_bytes(one)) mechanisms.push_back(byte);
    Expected expected = common(object_class, is_private);
    expected.insert({{CKA_ID, {id}},
                     {CKA_UNIQUE_ID, unique_id(id, object_class == CKO_PUBLIC_KEY ? "public-key" : "private-key")},
                     {CKA_KEY_TYPE, ulong_bytes(CKK_RSA)},
                     {CKA_START_DATE, {}},
                     {CKA_END_DATE, {}},
                     {CKA_DERIVE, flag(false)},
                     {CKA_LOCAL, flag(true)},
                     {CKA_KEY_GEN_MECHANISM, ulong_bytes(CKM_RSA_PKCS_KEY_PAIR_GEN)},
                     {CKA_ALLOWED_MECHANISMS, mechanisms},
                     {CKA_SUBJECT, reads.subject},
                     {CKA_MODULUS, reads.modulus},
                     {CKA_PUBLIC_EXPONENT, reads.public_exponent},
                     {CKA_PUBLIC_KEY_INFO, reads.public_key_info}});
    if (object_class == CKO_PUBLIC_KEY)
        expected.insert({{CKA_MODULUS_BITS, ulong_bytes(2048)},
                         {CKA_VERIFY, flag(true)},
                         {CKA_ENCRYPT, flag(false)},
                         {CKA_VERIFY_RECOVER, flag(false)},
                         {CKA_WRAP, flag(false)},
                         {CKA_TRUSTED, flag(false)}});
    else
        expected.insert({{CKA_SIGN, flag(true)},
                         {CKA_SIGN_RECOVER, flag(false)},
                         {CKA_DECRYPT, flag(false)},
                         {CKA_UNWRAP, flag(false)},
                         {CKA_SENSITIVE, flag(true)},
                         {CKA_ALWAYS_SENSITIVE, flag(true)},
                         {CKA_EXTRACTABLE, flag(false)},
                         {CKA_NEVER_EXTRACTABLE, flag(true)},
                         {CKA_WRAP_WITH_TRUSTED, flag(false)},
                         {CKA_ALWAYS_AUTHENTICATE, flag(false)}});
    return expected;
}

constexpr CK_ULONG token_user = 1, authority = 2;

}  // namespace

BOOST_AUTO_TEST_CASE(authentication_slot_shows_private_key_only_after_login) {
    Fixture f;
    const auto session = f.open(auth_slot);
    const std::map<CK_OBJECT_CLASS, int> before = {{CKO_CERTIFICATE, 2}, {CKO_PUBLIC_KEY, 1}, {CKO_PROFILE, 1}};
    auto after = before;
    after[CKO_PRIVATE_KEY] = 1;
    BOOST_CHECK(classes(session) == before);
    REQUIRE_OK(f.login(session, auth_pin));
    BOOST_CHECK(classes(session) == after);
    REQUIRE_OK(C_Logout(session));
    BOOST_CHECK(classes(session) == before);
}

BOOST_AUTO_TEST_CASE(signature_slot_shows_its_ca_certificate_before_login_and_all_after) {
    Fixture f;
    const auto session = f.open(sign_slot);
    const std::map<CK_OBJECT_CLASS, int> before = {{CKO_CERTIFICATE, 1}};
    BOOST_CHECK(classes(session) == before);
    BOOST_CHECK(attribute(session, find(session).at(0), CKA_VALUE) == f.card->pki().signature_ca);
    REQUIRE_OK(f.login(session, sign_pin));
    BOOST_CHECK(classes(session) ==
                (std::map<CK_OBJECT_CLASS, int>{{CKO_CERTIFICATE, 2}, {CKO_PUBLIC_KEY, 1}, {CKO_PRIVATE_KEY, 1}}));
    const auto certificate = find_one(session, CKO_CERTIFICATE, 2);
    REQUIRE_OK(C_Logout(session));
    BOOST_CHECK(classes(session) == before);  // cached data is not returned any more
    CK_ATTRIBUTE value = {CKA_VALUE, nullptr, 0};
    CHECK_RV(C_GetAttributeValue(session, certificate, &value, 1), CKR_OBJECT_HANDLE_INVALID);
}

BOOST_AUTO_TEST_CASE(login_on_one_slot_shows_no_more_objects_on_other) {
    Fixture f;
    const auto session = f.open(auth_slot);
    f.open_logged_in(sign_slot);
    BOOST_CHECK(find_class(session, CKO_PRIVATE_KEY).empty());
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
}

BOOST_AUTO_TEST_CASE(search_started_before_login_finds_private_objects_after_login) {
    Fixture f;
    const auto session = f.open(sign_slot);
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 0;
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    REQUIRE_OK(f.login(session, sign_pin));
    REQUIRE_OK(C_FindObjects(session, found, 8, &count));
    REQUIRE_OK(C_FindObjectsFinal(session));
    BOOST_CHECK_EQUAL(count, 4u);
}

BOOST_AUTO_TEST_CASE(attributes_of_authentication_slot_equal_openssls) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto& pki = f.card->pki();
    check_attributes(session, find_one(session, CKO_CERTIFICATE, 0x01),
                     certificate_attributes(pki.authentication_certificate, 0x01, token_user, false));
    check_attributes(session, find_one(session, CKO_CERTIFICATE, 0x11),
                     certificate_attributes(pki.authentication_ca, 0x11, authority, false));
    check_attributes(session, find_one(session, CKO_PUBLIC_KEY, 0x01),
                     key_attributes(pki.authentication_certificate, CKO_PUBLIC_KEY, 0x01, false));
    check_attributes(session, find_one(session, CKO_PRIVATE_KEY, 0x01),
                     key_attributes(pki.authentication_certificate, CKO_PRIVATE_KEY, 0x01, true));
    Expected profile = common(CKO_PROFILE, false);
    profile.emplace(CKA_PROFILE_ID, ulong_bytes(CKP_PUBLIC_CERTIFICATES_TOKEN));
    profile.emplace(CKA_UNIQUE_ID, unique_id(1, "profile"));
    check_attributes(session, find_class(session, CKO_PROFILE).at(0), profile);
}

BOOST_AUTO_TEST_CASE(attributes_of_signature_slot_equal_openssls) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    const auto& pki = f.card->pki();
    check_attributes(session, find_one(session, CKO_CERTIFICATE, 0x02),
                     certificate_attributes(pki.signature_certificate, 0x02, token_user, true));
    check_attributes(session, find_one(session, CKO_CERTIFICATE, 0x12),
                     certificate_attributes(pki.signature_ca, 0x12, authority, false));
    check_attributes(session, find_one(session, CKO_PUBLIC_KEY, 0x02),
                     key_attributes(pki.signature_certificate, CKO_PUBLIC_KEY, 0x02, true));
    check_attributes(session, find_one(session, CKO_PRIVATE_KEY, 0x02),
                     key_attributes(pki.signature_certificate, CKO_PRIVATE_KEY, 0x02, true));
}

BOOST_AUTO_TEST_CASE(labels_are_unique_in_ascii_and_without_colon) {
    Fixture f;
    std::set<std::string> labels;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        for (const auto object : find(session)) {
            const std::string label = string_of(attribute(session, object, CKA_LABEL));
            BOOST_CHECK_MESSAGE(!label.empty() && labels.insert(label).second, label);
            for (const char c : label) BOOST_CHECK_MESSAGE(c >= 0x20 && c < 0x7F && c != ':', label);
        }
        CK_TOKEN_INFO token{};
        REQUIRE_OK(C_GetTokenInfo(slot, &token));
        const std::string label(token.label, token.label + sizeof token.label);
        BOOST_CHECK(labels.insert(label).second);
        BOOST_CHECK(label.find(':') == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(serial_number_is_start_of_sha256_of_first_256_bytes_of_authentication_certificate) {
    Fixture f;
    CK_TOKEN_INFO token{};
    REQUIRE_OK(C_GetTokenInfo(sign_slot, &token));
    unsigned char digest[32];
    BOOST_REQUIRE(
        EVP_Q_digest(nullptr, "SHA256", nullptr, f.card->pki().authentication_certificate.data(), 256, digest, nullptr));
    char text[17];
    for (int i = 0; i < 8; ++i) std::snprintf(text + 2 * i, 3, "%02x", digest[i]);
    BOOST_CHECK_EQUAL(std::string(token.serialNumber, token.serialNumber + 16), text);
}

BOOST_AUTO_TEST_CASE(serial_number_differs_between_cards_and_is_equal_on_both_slots) {
    std::set<std::string> serials;
    for (const unsigned which : {0u, 1u}) {
        Fixture f({}, TestPki::shared(which));
        std::set<std::string> of_this_card;
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            CK_TOKEN_INFO token{};
            REQUIRE_OK(C_GetTokenInfo(slot, &token));
            const std::string serial(token.serialNumber, token.serialNumber + 16);
            BOOST_CHECK(serial.find_first_not_of("0123456789abcdef") == std::string::npos);
            of_this_card.insert(serial);
        }
        BOOST_CHECK_EQUAL(of_this_card.size(), 1u);
        serials.merge(of_this_card);
    }
    BOOST_CHECK_EQUAL(serials.size(), 2u);
}

BOOST_AUTO_TEST_CASE(token_information_describes_card) {
    Fixture f;
    f.open(auth_slot);
    f.open(auth_slot, CKF_RW_SESSION);
    f.open(sign_slot);
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        CK_TOKEN_INFO token{};
        REQUIRE_OK(C_GetTokenInfo(slot, &token));
        BOOST_CHECK_EQUAL(token.flags, CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED);
        BOOST_CHECK_EQUAL(token.ulSessionCount, slot == auth_slot ? 2u : 1u);
        BOOST_CHECK_EQUAL(token.ulRwSessionCount, slot == auth_slot ? 1u : 0u);
        BOOST_CHECK_EQUAL(token.ulMinPinLen, slot == auth_slot ? 4u : 6u);
        BOOST_CHECK_EQUAL(token.ulMaxPinLen, slot == auth_slot ? 4u : 16u);
        CK_SLOT_INFO info{};
        REQUIRE_OK(C_GetSlotInfo(slot, &info));
        BOOST_CHECK_EQUAL(info.flags, CKF_REMOVABLE_DEVICE | CKF_HW_SLOT | CKF_TOKEN_PRESENT);
    }
}

BOOST_AUTO_TEST_CASE(always_authenticate_is_set_for_signature_key_only_with_consent_each) {
    Fixture f("[signature]\nconsent = \"each\"\n");
    const auto auth = f.open_logged_in(auth_slot);
    BOOST_CHECK(attribute(auth, find_key(auth), CKA_ALWAYS_AUTHENTICATE) == flag(false));
    const auto sign = f.open_logged_in(sign_slot);
    BOOST_CHECK(attribute(sign, find_key(sign), CKA_ALWAYS_AUTHENTICATE) == flag(true));
    BOOST_CHECK(attribute(sign, find_one(sign, CKO_CERTIFICATE, 2), CKA_VALUE) == f.card->pki().signature_certificate);
}
