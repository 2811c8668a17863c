// The searches and reads of real programs, from their sources and module/README.md.
#include "fixture.hpp"
#include "openssl_reads.hpp"

#include <cstring>

using namespace jpki::test;

namespace {

CK_OBJECT_CLASS certificate_class = CKO_CERTIFICATE, public_key_class = CKO_PUBLIC_KEY, private_key_class = CKO_PRIVATE_KEY,
                profile_class = CKO_PROFILE;
CK_CERTIFICATE_TYPE x509 = CKC_X_509;
CK_KEY_TYPE rsa = CKK_RSA;
CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
unsigned char id_01 = 1;

CK_ATTRIBUTE is(CK_ATTRIBUTE_TYPE type, CK_ULONG& value) { return {type, &value, sizeof value}; }
CK_ATTRIBUTE is(CK_ATTRIBUTE_TYPE type, CK_BBOOL& value) { return {type, &value, 1}; }
CK_ATTRIBUTE is(CK_ATTRIBUTE_TYPE type, Bytes& value) { return {type, value.data(), static_cast<CK_ULONG>(value.size())}; }

// All in one call, sizes first, as NSS, OpenSSH, pkcs11-provider and GnuTLS do.
std::vector<Bytes> ask(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const std::vector<CK_ATTRIBUTE_TYPE>& types,
                       CK_RV expected = CKR_OK) {
    std::vector<CK_ATTRIBUTE> wanted;
    for (const auto type : types) wanted.push_back({type, nullptr, 0});
    CHECK_RV(C_GetAttributeValue(session, object, wanted.data(), static_cast<CK_ULONG>(wanted.size())), expected);
    std::vector<Bytes> values(types.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (wanted[i].ulValueLen == CK_UNAVAILABLE_INFORMATION) continue;
        values[i].resize(wanted[i].ulValueLen);
        wanted[i].pValue = values[i].data();
    }
    CHECK_RV(C_GetAttributeValue(session, object, wanted.data(), static_cast<CK_ULONG>(wanted.size())), expected);
    return values;
}

struct Clients : Fixture {
    const Bytes& der = card->pki().authentication_certificate;
    OpensslReads reads{der};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(nss_searches_for_missing_object_classes_find_no_object, Clients) {
    const auto session = open(auth_slot);
    constexpr CK_ULONG vendor = 0x80000000UL | 0x4E534350UL;  // CKO_NSS
    for (CK_OBJECT_CLASS absent :
         {CK_OBJECT_CLASS{vendor | 1}, CK_OBJECT_CLASS{vendor | 2}, CK_OBJECT_CLASS{vendor | 3}, CK_OBJECT_CLASS{vendor | 4}}) {
        BOOST_CHECK(find(session, {is(CKA_CLASS, absent)}).empty());
        BOOST_CHECK(find(session, {is(CKA_TOKEN, yes), is(CKA_CLASS, absent)}).empty());
    }
    const auto profiles = find(session, {is(CKA_CLASS, profile_class)});
    BOOST_REQUIRE_EQUAL(profiles.size(), 1u);
    CK_ULONG profile = 0;
    std::memcpy(&profile, ask(session, profiles[0], {CKA_PROFILE_ID}).at(0).data(), sizeof profile);
    BOOST_CHECK_EQUAL(profile, CKP_PUBLIC_CERTIFICATES_TOKEN);
    BOOST_CHECK(find(open(sign_slot), {is(CKA_CLASS, profile_class)}).empty());
}

BOOST_FIXTURE_TEST_CASE(nss_lists_certificates_and_knows_users_before_login, Clients) {
    const auto session = open(auth_slot);
    const auto certificates = find(session, {is(CKA_TOKEN, yes), is(CKA_CLASS, certificate_class)});
    BOOST_REQUIRE_EQUAL(certificates.size(), 2u);
    const auto values =
        ask(session, certificates[0], {CKA_CERTIFICATE_TYPE, CKA_ID, CKA_VALUE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_SUBJECT});
    BOOST_CHECK(values[2] == der && values[3] == reads.issuer && values[4] == reads.serial_number && values[5] == reads.subject);
    BOOST_CHECK(!ask(session, certificates[0], {CKA_LABEL})[0].empty());
    // PK11_IsUserCert: the public key by class and id, or only by its modulus.
    Bytes id = values[1];
    BOOST_CHECK_EQUAL(find(session, {is(CKA_ID, id), is(CKA_CLASS, public_key_class)}).size(), 1u);
    const auto by_modulus = find(session, {is(CKA_MODULUS, reads.modulus)});
    BOOST_CHECK_EQUAL(by_modulus.size(), 1u);
    // By issuer and serial number, as for a certificate that a server names.
    BOOST_CHECK_EQUAL(find(session, {is(CKA_CLASS, certificate_class), is(CKA_ISSUER, reads.issuer),
                                     is(CKA_SERIAL_NUMBER, reads.serial_number)})
                          .size(),
                      1u);
    Bytes value = der;
    BOOST_CHECK_EQUAL(find(session, {is(CKA_VALUE, value)}).size(), 1u);
}

BOOST_FIXTURE_TEST_CASE(nss_finds_key_of_certificate_after_login, Clients) {
    const auto session = open_logged_in(auth_slot);
    const auto key = find(session, {is(CKA_CLASS, private_key_class), {CKA_ID, &id_01, 1}});
    BOOST_REQUIRE_EQUAL(key.size(), 1u);
    const auto values = ask(session, key[0], {CKA_KEY_TYPE, CKA_TOKEN, CKA_PRIVATE, CKA_MODULUS, CKA_ALWAYS_AUTHENTICATE});
    BOOST_CHECK(values[1] == Bytes{1} && values[2] == Bytes{1} && values[3] == reads.modulus && values[4] == Bytes{0});
}

BOOST_FIXTURE_TEST_CASE(openssh_reads_keys_and_certificates_in_one_call_and_signs, Clients) {
    const auto session = open_logged_in(auth_slot, CKF_RW_SESSION);
    const auto keys = find(session, {is(CKA_CLASS, public_key_class)});
    BOOST_REQUIRE_EQUAL(keys.size(), 1u);
    auto values = ask(session, keys[0], {CKA_ID, CKA_MODULUS, CKA_PUBLIC_EXPONENT});
    BOOST_CHECK(values[0] == Bytes{1} && values[1] == reads.modulus && values[2] == reads.public_exponent);
    const auto certificates = find(session, {is(CKA_CLASS, certificate_class)});
    values = ask(session, certificates.at(0), {CKA_ID, CKA_SUBJECT, CKA_VALUE});
    BOOST_CHECK(values[1] == reads.subject && values[2] == der);
    const auto key = find(session, {is(CKA_CLASS, private_key_class), {CKA_ID, &id_01, 1}, is(CKA_SIGN, yes)});
    BOOST_REQUIRE_EQUAL(key.size(), 1u);
    BOOST_CHECK(ask(session, key[0], {CKA_ALWAYS_AUTHENTICATE})[0] == Bytes{0});
}

BOOST_FIXTURE_TEST_CASE(libp11_lists_each_class_and_reads_attributes_one_by_one, Clients) {
    const auto session = open_logged_in(auth_slot);
    for (CK_OBJECT_CLASS* object_class : {&private_key_class, &public_key_class}) {
        const auto found = find(session, {is(CKA_CLASS, *object_class)});
        BOOST_REQUIRE_EQUAL(found.size(), 1u);
        for (const CK_ATTRIBUTE_TYPE type : {CKA_CLASS, CKA_KEY_TYPE, CKA_ID, CKA_LABEL, CKA_MODULUS, CKA_PUBLIC_EXPONENT})
            BOOST_CHECK(!ask(session, found[0], {type})[0].empty());
    }
    const auto key = find_key(session);
    BOOST_CHECK(ask(session, key, {CKA_ALWAYS_AUTHENTICATE})[0] == Bytes{0});
    BOOST_CHECK(ask(session, key, {CKA_ALLOWED_MECHANISMS})[0].size() >= 4 * sizeof(CK_ULONG));
}

BOOST_FIXTURE_TEST_CASE(pkcs11_provider_finds_numbers_of_key_on_private_key, Clients) {
    const auto session = open_logged_in(auth_slot);
    const auto key = find(session, {is(CKA_CLASS, private_key_class), {CKA_ID, &id_01, 1}});
    BOOST_REQUIRE_EQUAL(key.size(), 1u);
    auto values = ask(session, key[0],
                      {CKA_CLASS, CKA_KEY_TYPE, CKA_ID, CKA_LABEL, CKA_ALWAYS_AUTHENTICATE, CKA_ALLOWED_MECHANISMS, CKA_MODULUS,
                       CKA_PUBLIC_EXPONENT});
    BOOST_CHECK(values[6] == reads.modulus && values[7] == reads.public_exponent);
    const auto certificates = find(session, {is(CKA_CLASS, certificate_class), {CKA_ID, &id_01, 1}});
    values = ask(session, certificates.at(0), {CKA_VALUE, CKA_SUBJECT, CKA_CERTIFICATE_TYPE});
    BOOST_CHECK(values[0] == der && values[1] == reads.subject);
    // It tries these and expects an error.
    CK_OBJECT_HANDLE copy = 0;
    CK_ULONG length = 0;
    CHECK_RV(C_CopyObject(session, key[0], nullptr, 0, &copy), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_RV(C_GetOperationState(session, nullptr, &length), CKR_FUNCTION_NOT_SUPPORTED);
    CHECK_RV(C_GenerateRandom(session, &id_01, 1), CKR_RANDOM_NO_RNG);
    CHECK_RV(C_GenerateRandom(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_SeedRandom(session, nullptr, 1), CKR_ARGUMENTS_BAD);
}

BOOST_FIXTURE_TEST_CASE(gnutls_reads_many_attributes_at_once_with_some_missing, Clients) {
    const auto session = open_logged_in(auth_slot);
    const auto certificates = find(session, {is(CKA_CLASS, certificate_class), is(CKA_CERTIFICATE_TYPE, x509)});
    BOOST_REQUIRE_EQUAL(certificates.size(), 2u);
    constexpr CK_ATTRIBUTE_TYPE nobodys = CKA_VENDOR_DEFINED | 1;
    const auto values =
        ask(session, certificates[0], {CKA_CLASS, CKA_LABEL, CKA_ID, CKA_TRUSTED, nobodys, CKA_CERTIFICATE_CATEGORY, CKA_VALUE},
            CKR_ATTRIBUTE_TYPE_INVALID);
    BOOST_CHECK(values[4].empty() && values[6] == der);
    ask(session, find_key(session),
        {CKA_ID, CKA_LABEL, CKA_SIGN, CKA_DECRYPT, CKA_ALWAYS_AUTHENTICATE, CKA_NEVER_EXTRACTABLE, CKA_EXTRACTABLE, CKA_SENSITIVE,
         CKA_PRIVATE});
    // The issuer by its subject; no object here is a trust anchor or a distrusted certificate.
    BOOST_CHECK_EQUAL(
        find(session, {is(CKA_CLASS, certificate_class), is(CKA_CERTIFICATE_TYPE, x509), is(CKA_SUBJECT, reads.issuer)}).size(),
        1u);
    BOOST_CHECK(find(session, {is(CKA_CLASS, certificate_class), is(CKA_TRUSTED, yes)}).empty());
    BOOST_CHECK_EQUAL(find(session, {is(CKA_CLASS, private_key_class), is(CKA_KEY_TYPE, rsa), {CKA_ID, &id_01, 1}}).size(), 1u);
}

BOOST_FIXTURE_TEST_CASE(java_joins_keys_and_certificates_by_id_and_follows_chain_by_subject, Clients) {
    const auto session = open_logged_in(auth_slot);
    const auto keys = find(session, {is(CKA_TOKEN, yes), is(CKA_CLASS, private_key_class)});
    BOOST_REQUIRE_EQUAL(keys.size(), 1u);
    Bytes id = ask(session, keys[0], {CKA_ID})[0];
    BOOST_CHECK(ask(session, keys[0], {CKA_TOKEN, CKA_SENSITIVE, CKA_EXTRACTABLE}) == (std::vector<Bytes>{{1}, {1}, {0}}));
    BOOST_CHECK(!ask(session, keys[0], {CKA_LABEL})[0].empty());
    const auto certificates = find(session, {is(CKA_TOKEN, yes), is(CKA_CLASS, certificate_class), is(CKA_ID, id)});
    BOOST_REQUIRE_EQUAL(certificates.size(), 1u);
    BOOST_CHECK(ask(session, certificates[0], {CKA_VALUE})[0] == der);
    Bytes label = ask(session, certificates[0], {CKA_LABEL})[0];
    BOOST_CHECK_EQUAL(find(session, {is(CKA_TOKEN, yes), is(CKA_CLASS, certificate_class), is(CKA_LABEL, label)}).size(), 1u);
    const auto issuer = find(session, {is(CKA_TOKEN, yes), is(CKA_CLASS, certificate_class), is(CKA_SUBJECT, reads.issuer)});
    BOOST_REQUIRE_EQUAL(issuer.size(), 1u);
    const Bytes ca = ask(session, issuer[0], {CKA_VALUE})[0];
    BOOST_CHECK(ca == card->pki().authentication_ca);
    BOOST_CHECK(OpensslReads(ca).issuer == OpensslReads(ca).subject);  // the chain ends there
    BOOST_CHECK(find(session, {is(CKA_TOKEN, yes), is(CKA_TRUSTED, yes)}).empty());
    BOOST_CHECK(find(session, {is(CKA_TOKEN, no)}).empty());
}
