// Output of variable length (PKCS#11 2.40, 5.2): the length only, one byte too few, exact, and more than
// enough. Bytes beyond the output are never written.
#include "fixture.hpp"

#include <algorithm>
#include <functional>

using namespace jpki::test;

namespace {

constexpr std::uint8_t canary = 0xC5;

bool untouched(const Bytes& buffer, std::size_t from) {
    return std::all_of(buffer.begin() + static_cast<std::ptrdiff_t>(from), buffer.end(),
                       [](std::uint8_t b) { return b == canary; });
}

// `call` fills `buffer` with units of `unit` bytes. `begin` brings the caller into the state in which it can be called, once
// for each call that succeeds.
void check_lengths(std::size_t unit, std::size_t expected, const std::function<void()>& begin,
                   const std::function<CK_RV(unsigned char* buffer, CK_ULONG* length)>& call) {
    Bytes buffer((expected + 8) * unit, canary);
    begin();
    CK_ULONG length = 12345;
    CHECK_RV(call(nullptr, &length), CKR_OK);
    BOOST_CHECK_EQUAL(length, expected);
    for (const std::size_t room : {std::size_t{0}, expected / 2, expected - 1}) {
        length = static_cast<CK_ULONG>(room);
        CHECK_RV(call(buffer.data(), &length), CKR_BUFFER_TOO_SMALL);
        BOOST_CHECK_EQUAL(length, expected);
        BOOST_CHECK(untouched(buffer, 0));
    }
    length = static_cast<CK_ULONG>(expected);
    CHECK_RV(call(buffer.data(), &length), CKR_OK);  // the operation was still active
    BOOST_CHECK_EQUAL(length, expected);
    BOOST_CHECK(untouched(buffer, expected * unit));
    BOOST_CHECK(!untouched(buffer, 0));
    begin();
    std::fill(buffer.begin(), buffer.end(), canary);
    length = static_cast<CK_ULONG>(expected + 8);
    CHECK_RV(call(buffer.data(), &length), CKR_OK);
    BOOST_CHECK_EQUAL(length, expected);
    BOOST_CHECK(untouched(buffer, expected * unit));
}

template <class T> T* as(unsigned char* buffer) { return static_cast<T*>(static_cast<void*>(buffer)); }

}  // namespace

BOOST_AUTO_TEST_CASE(slot_lists_follow_length_convention) {
    Fixture f;
    check_lengths(
        sizeof(CK_SLOT_ID), 2, [] {},
        [](unsigned char* buffer, CK_ULONG* length) { return C_GetSlotList(CK_TRUE, as<CK_SLOT_ID>(buffer), length); });
    check_lengths(
        sizeof(CK_SLOT_ID), 2, [] {},
        [](unsigned char* buffer, CK_ULONG* length) { return C_GetSlotList(CK_FALSE, as<CK_SLOT_ID>(buffer), length); });
}

BOOST_AUTO_TEST_CASE(mechanism_lists_follow_length_convention) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
        check_lengths(
            sizeof(CK_MECHANISM_TYPE), 9, [] {},
            [slot](unsigned char* buffer, CK_ULONG* length) {
                return C_GetMechanismList(slot, as<CK_MECHANISM_TYPE>(buffer), length);
            });
}

BOOST_AUTO_TEST_CASE(hashes_follow_length_convention) {
    Fixture f;
    const auto session = f.open(auth_slot);
    Bytes data = {'t', 'e', 'x', 't'};
    CK_MECHANISM mechanism = {CKM_SHA384, nullptr, 0};
    const auto begin = [&] { REQUIRE_OK(C_DigestInit(session, &mechanism)); };
    check_lengths(1, 48, begin,
                  [&](unsigned char* buffer, CK_ULONG* length) { return C_Digest(session, data.data(), 4, buffer, length); });
    check_lengths(
        1, 48,
        [&] {
            begin();
            REQUIRE_OK(C_DigestUpdate(session, data.data(), 4));
        },
        [&](unsigned char* buffer, CK_ULONG* length) { return C_DigestFinal(session, buffer, length); });
}

BOOST_AUTO_TEST_CASE(signatures_in_one_part_follow_length_convention_with_one_command) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        const auto key = find_key(session);
        const auto before = f.card->counts().signatures[slot];
        Bytes data = {'t', 'e', 'x', 't'};
        check_lengths(
            1, 256,
            [&] {
                CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
                REQUIRE_OK(C_SignInit(session, &mechanism, key));
            },
            [&](unsigned char* buffer, CK_ULONG* length) {
                return C_Sign(session, data.data(), static_cast<CK_ULONG>(data.size()), buffer, length);
            });
        BOOST_CHECK_EQUAL(f.card->counts().signatures[slot] - before, 2u);
    }
}

BOOST_AUTO_TEST_CASE(signatures_in_parts_follow_length_convention_with_one_command) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    Bytes data = {'t', 'e', 'x', 't'};
    check_lengths(
        1, 256,
        [&] {
            CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
            REQUIRE_OK(C_SignInit(session, &mechanism, key));
            REQUIRE_OK(C_SignUpdate(session, data.data(), 2));
            REQUIRE_OK(C_SignUpdate(session, data.data() + 2, 2));
        },
        [&](unsigned char* buffer, CK_ULONG* length) { return C_SignFinal(session, buffer, length); });
    BOOST_CHECK_EQUAL(f.card->counts().signatures[0], 2u);
}

BOOST_AUTO_TEST_CASE(data_of_length_query_is_ignored) {
    // OpenSC and GnuTLS request the size with the data, then sign: the data must not be hashed twice.
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const Bytes certificate = f.card->pki().authentication_certificate;
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    REQUIRE_OK(C_SignInit(session, &mechanism, find_key(session)));
    Bytes data = {'t', 'e', 'x', 't'};
    Bytes signature(256);
    CK_ULONG length = 0;
    for (int i = 0; i < 3; ++i) REQUIRE_OK(C_Sign(session, data.data(), 4, nullptr, &length));
    length = 10;
    CHECK_RV(C_Sign(session, data.data(), 4, signature.data(), &length), CKR_BUFFER_TOO_SMALL);
    REQUIRE_OK(C_Sign(session, data.data(), 4, signature.data(), &length));
    BOOST_CHECK(openssl_verifies(certificate, CKM_SHA256_RSA_PKCS, data, signature));
}

BOOST_AUTO_TEST_CASE(objects_are_returned_in_portions_of_requested_size) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto all = find(session);
    for (CK_ULONG portion = 1; portion <= 6; ++portion) {
        REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
        std::vector<CK_OBJECT_HANDLE> seen;
        for (;;) {
            std::vector<CK_OBJECT_HANDLE> buffer(portion + 4, 0xC5C5);
            CK_ULONG count = 99;
            REQUIRE_OK(C_FindObjects(session, buffer.data(), portion, &count));
            BOOST_REQUIRE_LE(count, portion);
            for (std::size_t i = count; i < buffer.size(); ++i) BOOST_CHECK_EQUAL(buffer[i], 0xC5C5u);
            if (count == 0) break;
            seen.insert(seen.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
        }
        REQUIRE_OK(C_FindObjectsFinal(session));
        BOOST_CHECK(seen == all);
    }
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG count = 0;
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    CHECK_RV(C_FindObjects(session, &object, 0, &count), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjects(session, nullptr, 1, &count), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjects(session, &object, 1, nullptr), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjects(session, &object, 1, &count), CKR_OK);
}

BOOST_AUTO_TEST_CASE(no_attribute_is_written_past_callers_buffer) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        for (const auto object : find(session))
            for (const auto& [type, value] : all_attributes(session, object)) {
                BOOST_TEST_CONTEXT("attribute " << type) {
                    for (const std::size_t room : {value.size(), value.size() + 1, value.size() + 9}) {
                        Bytes buffer(value.size() + 16, canary);
                        CK_ATTRIBUTE wanted = {type, buffer.data(), static_cast<CK_ULONG>(room)};
                        CHECK_RV(C_GetAttributeValue(session, object, &wanted, 1), CKR_OK);
                        BOOST_CHECK_EQUAL(wanted.ulValueLen, value.size());
                        BOOST_CHECK(untouched(buffer, value.size()));
                        BOOST_CHECK(std::equal(value.begin(), value.end(), buffer.begin()));
                    }
                    if (value.empty()) continue;
                    Bytes buffer(value.size() + 16, canary);
                    CK_ATTRIBUTE wanted = {type, buffer.data(), static_cast<CK_ULONG>(value.size() - 1)};
                    CHECK_RV(C_GetAttributeValue(session, object, &wanted, 1), CKR_BUFFER_TOO_SMALL);
                    BOOST_CHECK_EQUAL(wanted.ulValueLen, CK_UNAVAILABLE_INFORMATION);
                    BOOST_CHECK(untouched(buffer, 0));
                }
            }
    }
}
