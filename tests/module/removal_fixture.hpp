// Shared by the tests of removed and inserted cards and readers.
#pragma once

#include "pin_fixture.hpp"

#include <algorithm>
#include <functional>

namespace jpki::test {

inline std::shared_ptr<CardModel> card_of_person(unsigned which, Knobs knobs = {}) {
    return std::make_shared<CardModel>(TestPki::shared(which), std::move(knobs));
}

inline const Bytes& certificate_of(const CardModel& card, CK_SLOT_ID slot) {
    return slot % 2 == 0 ? card.pki().authentication_certificate : card.pki().signature_certificate;
}

// The holder's certificate as the session shows it; the signature slot needs a login for it.
inline Bytes shown_certificate(CK_SESSION_HANDLE session, CK_SLOT_ID slot) {
    CK_OBJECT_CLASS object_class = CKO_CERTIFICATE;
    auto id = static_cast<unsigned char>(slot % 2 + 1);
    const auto found = find(session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, &id, 1}});
    BOOST_REQUIRE_EQUAL(found.size(), 1u);
    return attribute(session, found.front(), CKA_VALUE);
}

// A new session on `slot` uses `card` and no other: no login, then its certificate and signature.
inline CK_SESSION_HANDLE serves(Fixture& f, CK_SLOT_ID slot, const CardModel& card) {
    const auto session = f.open(slot);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(find_class(session, CKO_PRIVATE_KEY).size(), 0u);
    if (slot % 2 == 0) BOOST_CHECK(shown_certificate(session, slot) == certificate_of(card, slot));
    REQUIRE_OK(f.login(session, card.pin(slot % 2 == 0 ? KeyUse::authentication : KeyUse::signature)));
    BOOST_CHECK(shown_certificate(session, slot) == certificate_of(card, slot));
    const Bytes signature = signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
    BOOST_CHECK(openssl_verifies(certificate_of(card, slot), CKM_SHA256_RSA_PKCS, text, signature));
    return session;
}

// Every function that takes a session, with simple arguments.
struct SessionCall {
    const char* name;
    std::function<CK_RV(CK_SESSION_HANDLE, CK_OBJECT_HANDLE)> call;
};
inline const std::vector<SessionCall>& session_calls() {
    static unsigned char bytes[512] = {'1', '2', '3', '4'};
    static CK_ULONG length = 256;
    static CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    using S = CK_SESSION_HANDLE;
    using O = CK_OBJECT_HANDLE;
    static const std::vector<SessionCall> all = {
        {"C_GetSessionInfo",
         [](S s, O) {
             CK_SESSION_INFO info{};
             return C_GetSessionInfo(s, &info);
         }},
        {"C_Login", [](S s, O) { return C_Login(s, CKU_USER, bytes, 4); }},
        {"C_Logout", [](S s, O) { return C_Logout(s); }},
        {"C_SetPIN", [](S s, O) { return C_SetPIN(s, bytes, 4, bytes, 4); }},
        {"C_FindObjectsInit", [](S s, O) { return C_FindObjectsInit(s, nullptr, 0); }},
        {"C_FindObjects",
         [](S s, O) {
             CK_OBJECT_HANDLE one = 0;
             CK_ULONG count = 0;
             return C_FindObjects(s, &one, 1, &count);
         }},
        {"C_FindObjectsFinal", [](S s, O) { return C_FindObjectsFinal(s); }},
        {"C_GetAttributeValue",
         [](S s, O o) {
             CK_ATTRIBUTE wanted = {CKA_CLASS, nullptr, 0};
             return C_GetAttributeValue(s, o, &wanted, 1);
         }},
        {"C_GetObjectSize",
         [](S s, O o) {
             CK_ULONG size = 0;
             return C_GetObjectSize(s, o, &size);
         }},
        {"C_SignInit", [](S s, O o) { return C_SignInit(s, &mechanism, o); }},
        {"C_Sign",
         [](S s, O) {
             length = 256;
             return C_Sign(s, bytes, 4, bytes, &length);
         }},
        {"C_SignUpdate", [](S s, O) { return C_SignUpdate(s, bytes, 4); }},
        {"C_SignFinal",
         [](S s, O) {
             length = 256;
             return C_SignFinal(s, bytes, &length);
         }},
        {"C_VerifyInit", [](S s, O o) { return C_VerifyInit(s, &mechanism, o); }},
        {"C_Verify", [](S s, O) { return C_Verify(s, bytes, 4, bytes, 256); }},
        {"C_VerifyUpdate", [](S s, O) { return C_VerifyUpdate(s, bytes, 4); }},
        {"C_VerifyFinal", [](S s, O) { return C_VerifyFinal(s, bytes, 256); }},
        {"C_CloseSession", [](S s, O) { return C_CloseSession(s); }},
    };
    return all;
}

// A kind of removal or interruption, and how a card is present again afterwards.
struct Going {
    const char* name;
    std::function<void(const fake::Card& card, const fake::Card& other)> goes;
    std::function<void(const fake::Card& card, const fake::Card& other)> comes;
    bool then_the_other;  // the card present at the end
};
inline const std::vector<Going>& goings() {
    using C = const fake::Card&;
    const auto nothing = [](C, C) {};
    static const std::vector<Going> all = {
        {"taken out, then another card", [](C, C) { fake::remove_card(reader_name); },
         [](C, C other) { fake::insert_card(reader_name, other); }, true},
        {"taken out, then the same card", [](C, C) { fake::remove_card(reader_name); },
         [](C card, C) { fake::insert_card(reader_name, card); }, false},
        {"another card, quickly", [](C, C other) { fake::swap_card(reader_name, other); }, nothing, true},
        {"out and in, quickly", [](C card, C) { fake::swap_card(reader_name, card); }, nothing, false},
        {"another card, quickly, and another program's reset",
         [](C, C other) {
             fake::swap_card(reader_name, other);
             BOOST_REQUIRE(fake::other_resets(reader_name));
         },
         nothing, true},
        {"reader unplugged, then with another card", [](C, C) { fake::remove_reader(reader_name); },
         [](C, C other) { fake::add_reader(reader_name, other); }, true},
        {"reader unplugged and plugged, with another card",
         [](C, C other) {
             fake::remove_reader(reader_name);
             fake::add_reader(reader_name, other);
         },
         nothing, true},
        {"reader unplugged and plugged, with the same card",
         [](C card, C) {
             fake::remove_reader(reader_name);
             fake::add_reader(reader_name, card);
         },
         nothing, false},
        {"service stopped, then started", [](C, C) { fake::stop_service(); }, [](C, C) { fake::start_service(); }, false},
        {"service stopped and started",
         [](C, C) {
             fake::stop_service();
             fake::start_service();
         },
         nothing, false},
        {"service started again with another card",
         [](C, C other) {
             fake::stop_service();
             fake::remove_card(reader_name);
             fake::insert_card(reader_name, other);
             fake::start_service();
         },
         nothing, true},
    };
    return all;
}

}  // namespace jpki::test
