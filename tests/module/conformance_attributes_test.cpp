// C_GetAttributeValue with readable and unreadable attributes together (PKCS#11 2.40, 5.7), invalid object handles, search
// templates without a match, and mechanisms: information for each that is listed, and each works.
#include "fixture.hpp"

#include <algorithm>
#include <set>

using namespace jpki::test;

namespace {

constexpr CK_ATTRIBUTE_TYPE unknown_attribute = CKA_VENDOR_DEFINED | 0x4711;

std::set<CK_MECHANISM_TYPE> mechanisms(CK_SLOT_ID slot) {
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetMechanismList(slot, nullptr, &count));
    std::vector<CK_MECHANISM_TYPE> list(count);
    REQUIRE_OK(C_GetMechanismList(slot, list.data(), &count));
    const std::set<CK_MECHANISM_TYPE> unique(list.begin(), list.end());
    BOOST_CHECK_EQUAL(unique.size(), list.size());
    return unique;
}

}  // namespace

BOOST_AUTO_TEST_CASE(unknown_attribute_is_reported_and_rest_is_filled_in) {
    Fixture f;
    const auto session = f.open(auth_slot);
    const auto certificate = find_class(session, CKO_CERTIFICATE).at(0);
    CK_OBJECT_CLASS object_class = 0;
    unsigned char id[8] = {}, junk[8] = {};
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &object_class, sizeof object_class},
                             {unknown_attribute, junk, sizeof junk},
                             {CKA_MODULUS, nullptr, 0},  // a key's
                             {CKA_VALUE, nullptr, 0},
                             {CKA_ID, id, sizeof id}};
    CHECK_RV(C_GetAttributeValue(session, certificate, wanted, 5), CKR_ATTRIBUTE_TYPE_INVALID);
    BOOST_CHECK_EQUAL(object_class, CKO_CERTIFICATE);
    BOOST_CHECK_EQUAL(wanted[0].ulValueLen, sizeof object_class);
    BOOST_CHECK_EQUAL(wanted[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    BOOST_CHECK(std::all_of(std::begin(junk), std::end(junk), [](unsigned char c) { return c == 0; }));
    BOOST_CHECK_EQUAL(wanted[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    BOOST_CHECK_EQUAL(wanted[3].ulValueLen, f.card->pki().authentication_certificate.size());
    BOOST_CHECK_EQUAL(wanted[4].ulValueLen, 1u);
    BOOST_CHECK_EQUAL(static_cast<int>(id[0]), 1);
}

BOOST_AUTO_TEST_CASE(short_buffer_is_reported_and_rest_is_filled_in) {
    Fixture f;
    const auto session = f.open(auth_slot);
    const auto certificate = find_class(session, CKO_CERTIFICATE).at(0);
    unsigned char little[4] = {}, id[8] = {};
    CK_ATTRIBUTE wanted[] = {{CKA_VALUE, little, sizeof little}, {CKA_ID, id, sizeof id}, {CKA_LABEL, little, 0}};
    CHECK_RV(C_GetAttributeValue(session, certificate, wanted, 3), CKR_BUFFER_TOO_SMALL);
    BOOST_CHECK_EQUAL(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    BOOST_CHECK_EQUAL(wanted[1].ulValueLen, 1u);
    BOOST_CHECK_EQUAL(wanted[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    BOOST_CHECK_EQUAL(static_cast<int>(little[0]), 0);
}

BOOST_AUTO_TEST_CASE(private_parts_of_key_are_sensitive_and_rest_is_filled_in) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        for (const CK_ATTRIBUTE_TYPE secret :
             {CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT}) {
            unsigned char buffer[512] = {}, id[1] = {};
            CK_ATTRIBUTE wanted[] = {{unknown_attribute, nullptr, 0}, {secret, buffer, sizeof buffer}, {CKA_ID, id, 1}};
            CHECK_RV(C_GetAttributeValue(session, find_key(session), wanted, 3), CKR_ATTRIBUTE_SENSITIVE);
            BOOST_CHECK_EQUAL(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
            BOOST_CHECK_EQUAL(wanted[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
            BOOST_CHECK_EQUAL(wanted[2].ulValueLen, 1u);
            BOOST_CHECK_EQUAL(static_cast<CK_ULONG>(id[0]), slot + 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(invalid_object_handle_is_reported) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    const auto other = f.open_logged_in(sign_slot);
    CK_ULONG size = 0;
    const auto dead = [&](CK_SESSION_HANDLE in, CK_OBJECT_HANDLE object) {
        CK_ATTRIBUTE wanted = {CKA_CLASS, nullptr, 0};
        CHECK_RV(C_GetAttributeValue(in, object, &wanted, 1), CKR_OBJECT_HANDLE_INVALID);
        CHECK_RV(C_GetObjectSize(in, object, &size), CKR_OBJECT_HANDLE_INVALID);
    };
    for (const CK_OBJECT_HANDLE object : {CK_OBJECT_HANDLE{0}, CK_OBJECT_HANDLE{session}, key + 1000, ~CK_OBJECT_HANDLE{0}})
        dead(session, object);
    dead(other, key);
    dead(session, find_key(other));
    CHECK_RV(C_GetObjectSize(session, key, &size), CKR_OK);
    REQUIRE_OK(C_Logout(session));
    dead(session, key);
    REQUIRE_OK(f.login(session, auth_pin));
    dead(session, key);
    BOOST_CHECK(find_key(session) != key);
}

BOOST_AUTO_TEST_CASE(templates_without_match_find_no_object) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        CK_OBJECT_CLASS class_of_nothing = CKO_SECRET_KEY, private_key = CKO_PRIVATE_KEY;
        CK_BBOOL no = CK_FALSE, yes = CK_TRUE, neither = 2;
        CK_KEY_TYPE ec = CKK_EC;
        unsigned char id[] = {3}, long_id[] = {1, 0}, other_slots_id[] = {static_cast<unsigned char>(2 - slot)};
        const std::vector<std::vector<CK_ATTRIBUTE>> templates = {
            {{CKA_CLASS, &class_of_nothing, sizeof class_of_nothing}},
            {{CKA_CLASS, &private_key, sizeof private_key - 1}},
            {{CKA_CLASS, nullptr, 0}},
            {{CKA_ID, id, 1}},
            {{CKA_ID, other_slots_id, 1}},
            {{CKA_ID, long_id, 2}},
            {{CKA_ID, nullptr, 0}},
            {{CKA_TOKEN, &no, 1}},
            {{CKA_TOKEN, &neither, 1}},
            {{CKA_KEY_TYPE, &ec, sizeof ec}},
            {{CKA_CLASS, &private_key, sizeof private_key}, {CKA_DECRYPT, &yes, 1}},
            {{CKA_CLASS, &private_key, sizeof private_key}, {CKA_EXTRACTABLE, &yes, 1}},
            {{CKA_MODIFIABLE, &yes, 1}},
            {{unknown_attribute, &yes, 1}},
            {{CKA_PRIME_1, &yes, 1}},
        };
        for (std::size_t i = 0; i < templates.size(); ++i) BOOST_TEST_CONTEXT("template " << i) {
                BOOST_CHECK(find(session, templates[i]).empty());
            }
    }
}

BOOST_AUTO_TEST_CASE(every_object_has_its_own_constant_unique_id) {
    std::set<Bytes> seen;
    for (int stay = 0; stay < 2; ++stay) {
        Fixture f;
        std::set<Bytes> now;
        std::size_t objects = 0;
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            const auto session = f.open_logged_in(slot);
            for (const CK_OBJECT_HANDLE object : find(session)) {
                Bytes id = attribute(session, object, CKA_UNIQUE_ID);
                BOOST_CHECK(!id.empty());
                const auto found = find(session, {{CKA_UNIQUE_ID, id.data(), static_cast<CK_ULONG>(id.size())}});
                BOOST_REQUIRE_EQUAL(found.size(), 1u);
                BOOST_CHECK_EQUAL(found.front(), object);
                now.insert(std::move(id));
                ++objects;
            }
        }
        BOOST_CHECK_EQUAL(now.size(), objects);
        BOOST_CHECK_EQUAL(objects, 9u);  // two certificates, four keys, two CA certificates, and the profile
        if (stay > 0) BOOST_CHECK(now == seen);
        seen = std::move(now);
    }
}

BOOST_AUTO_TEST_CASE(every_mechanism_that_is_listed_has_information_and_works) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        const auto key = find_key(session);
        auto list = mechanisms(slot);
        for (const auto& [type, size] : {std::pair{CKM_SHA256, 32u}, {CKM_SHA384, 48u}, {CKM_SHA512, 64u}}) {
            BOOST_CHECK_EQUAL(list.erase(type), 1u);
            CK_MECHANISM_INFO info{1, 1, 0};
            REQUIRE_OK(C_GetMechanismInfo(slot, type, &info));
            BOOST_CHECK_EQUAL(info.ulMinKeySize + info.ulMaxKeySize, 0u);
            BOOST_CHECK_EQUAL(info.flags, CKF_DIGEST);
            CK_MECHANISM mechanism = {type, nullptr, 0};
            REQUIRE_OK(C_DigestInit(session, &mechanism));
            unsigned char hash[64];
            CK_ULONG length = sizeof hash;
            REQUIRE_OK(C_Digest(session, hash, 0, hash, &length));
            BOOST_CHECK_EQUAL(length, size);
            // It is not a mechanism of the key.
            CHECK_RV(C_SignInit(session, &mechanism, key), CKR_MECHANISM_INVALID);
        }
        BOOST_CHECK(list == (std::set<CK_MECHANISM_TYPE>{CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS,
                                                         CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS}));
        const Bytes& certificate =
            slot == auth_slot ? f.card->pki().authentication_certificate : f.card->pki().signature_certificate;
        const Bytes hash(32, 0x5A);
        for (const CK_MECHANISM_TYPE mechanism : list) {
            CK_MECHANISM_INFO info{};
            REQUIRE_OK(C_GetMechanismInfo(slot, mechanism, &info));
            BOOST_CHECK_EQUAL(info.ulMinKeySize, 2048u);
            BOOST_CHECK_EQUAL(info.ulMaxKeySize, 2048u);
            BOOST_CHECK_EQUAL(info.flags, CKF_HW | CKF_SIGN | CKF_VERIFY);
            BOOST_CHECK(openssl_verifies(certificate, mechanism, hash, signed_by(session, key, mechanism, hash)));
        }
        // CKA_ALLOWED_MECHANISMS agrees.
        const Bytes allowed = attribute(session, key, CKA_ALLOWED_MECHANISMS);
        BOOST_CHECK_EQUAL(allowed.size(), list.size() * sizeof(CK_MECHANISM_TYPE));
    }
}

BOOST_AUTO_TEST_CASE(mechanism_that_is_not_listed_has_no_information_and_does_not_begin) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    const auto public_key = find_class(session, CKO_PUBLIC_KEY).at(0);
    const auto list = mechanisms(auth_slot);
    const auto check = [&](CK_MECHANISM_TYPE type) {
        if (list.contains(type)) return;
        CK_MECHANISM digest = {type, nullptr, 0};
        REQUIRE_RV(C_DigestInit(session, &digest), CKR_MECHANISM_INVALID);
        CK_MECHANISM_INFO info{};
        CK_MECHANISM mechanism = {type, nullptr, 0};
        REQUIRE_RV(C_GetMechanismInfo(auth_slot, type, &info), CKR_MECHANISM_INVALID);
        REQUIRE_RV(C_SignInit(session, &mechanism, key), CKR_MECHANISM_INVALID);
        REQUIRE_RV(C_VerifyInit(session, &mechanism, public_key), CKR_MECHANISM_INVALID);
    };
    for (CK_MECHANISM_TYPE type = 0; type < 0x400; ++type) check(type);
    for (const CK_MECHANISM_TYPE type : {CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKM_AES_CBC, CKM_VENDOR_DEFINED | 1}) check(type);
    check(~CK_MECHANISM_TYPE{0});
}
