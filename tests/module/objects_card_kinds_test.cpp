// Every kind of card that a user may hold: a missing key is not offered, and does not affect the other key.
#include "card_kinds.hpp"
#include "fixture.hpp"
#include "log_file.hpp"
#include "openssl_reads.hpp"
#include "test_certificates.hpp"

#include <boost/test/data/test_case.hpp>

using namespace jpki::test;
using jpki::model::CardKind;
using jpki::model::Certificates;
using jpki::model::KeyUse;

namespace {

EVP_PKEY* shared(EVP_PKEY* key) {
    EVP_PKEY_up_ref(key);
    return key;
}

// Expired certificates, or ones for keys on a curve, by the shared CAs: RSA key generation is slow.
std::shared_ptr<const TestPki> pki_for(Certificates certificates, const char* curve) {
    const auto original = TestPki::shared();
    if (certificates == Certificates::valid && curve == nullptr) return original;
    auto pki = std::make_shared<TestPki>();
    TestPki::Options options;
    if (certificates == Certificates::expired) {
        options.authentication_not_before_days = -400;
        options.not_after_days = -10;
    }
    for (const bool signature : {false, true}) {
        EVP_PKEY* key = curve ? EVP_EC_gen(curve) : shared(signature ? original->signature_key : original->authentication_key);
        EVP_PKEY* ca_key = shared(signature ? original->signature_ca_key : original->authentication_ca_key);
        (signature ? pki->signature_key : pki->authentication_key) = key;
        (signature ? pki->signature_ca_key : pki->authentication_ca_key) = ca_key;
        const auto ca = jpki::model::make_ca(signature, ca_key, 17);
        const auto holder = jpki::model::make_holder(signature, key, ca.get(), ca_key,
                                                     {"20240401EXPIRED", signature ? "Mihon-shi" : "", 18, 17}, options);
        (signature ? pki->signature_ca : pki->authentication_ca) = jpki::model::to_der(ca.get());
        (signature ? pki->signature_certificate : pki->authentication_certificate) = jpki::model::to_der(holder.get());
    }
    return pki;
}

const char* curve_of(Certificates certificates) { return certificates == Certificates::p384 ? "P-384" : nullptr; }

struct Holder : Fixture {
    explicit Holder(const CardKind& kind) : Fixture(adjusted(kind), pki_for(kind.certificates, curve_of(kind.certificates))) {}
    // With keys that no card is known to have, on that curve.
    Holder(const CardKind& kind, const char* curve, const std::string& settings = "")
        : Fixture(settings, adjusted(kind), pki_for(kind.certificates, curve)) {}
    static Knobs adjusted(const CardKind& kind) {
        Knobs knobs;
        kind.adjust(knobs);
        return knobs;
    }
};

const CardKind& kind_named(std::string_view name) {
    const CardKind* kind = jpki::model::find_card_kind(name);
    BOOST_REQUIRE(kind != nullptr);
    return *kind;
}

std::size_t count_of(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class) { return find_class(session, object_class).size(); }

const Bytes text = {'t', 'e', 'x', 't'};
const auto phones = boost::unit_test::data::make({"phone", "iphone"});

void check_signs(Holder& f, CK_SESSION_HANDLE session, KeyUse use) {
    const Bytes& certificate =
        use == KeyUse::authentication ? f.card->pki().authentication_certificate : f.card->pki().signature_certificate;
    const bool rsa = EVP_PKEY_is_a(f.card->pki().authentication_key, "RSA") == 1;
    const CK_MECHANISM_TYPE mechanism = rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA384;
    BOOST_CHECK(openssl_verifies(certificate, mechanism, text, signed_by(session, find_key(session), mechanism, text)));
}

// A key that the card has: all its objects exist, and work unless the PIN is blocked.
void check_key_in_order(Holder& f, CK_SLOT_ID slot, KeyUse use) {
    const Knobs knobs = f.card->knobs();
    const bool phone = (knobs.phone || knobs.iphone) && use == KeyUse::authentication;
    const bool hidden = phone || use == KeyUse::signature;  // reading the certificate needs the PIN
    const auto session = f.open(slot);
    BOOST_CHECK_EQUAL(count_of(session, CKO_CERTIFICATE), hidden ? 1u : 2u);
    BOOST_CHECK_EQUAL(count_of(session, CKO_PUBLIC_KEY), hidden ? 0u : 1u);
    BOOST_CHECK_EQUAL(count_of(session, CKO_PRIVATE_KEY), 0u);
    BOOST_CHECK_EQUAL(count_of(session, CKO_PROFILE), hidden ? 0u : 1u);
    if (f.card->tries(use) == 0) {
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_PIN_LOCKED);
        BOOST_CHECK_EQUAL(count_of(session, CKO_PRIVATE_KEY), 0u);
        return;
    }
    REQUIRE_OK(f.login(session, f.card->pin(use)));
    BOOST_CHECK_EQUAL(count_of(session, CKO_CERTIFICATE), 2u);
    BOOST_CHECK_EQUAL(count_of(session, CKO_PUBLIC_KEY), 1u);
    BOOST_CHECK_EQUAL(count_of(session, CKO_PRIVATE_KEY), 1u);
    for (const auto object : find(session)) BOOST_CHECK(!attribute(session, object, CKA_LABEL).empty());
    check_signs(f, session, use);
    REQUIRE_OK(C_CloseSession(session));
}

// A key that the card lacks: no object of it, no login, no crash; only its CA certificate may exist.
void check_key_absent(Holder& f, CK_SESSION_HANDLE session, KeyUse use) {
    const auto nothing_there = [&] {
        BOOST_CHECK_EQUAL(count_of(session, CKO_PRIVATE_KEY), 0u);
        BOOST_CHECK_EQUAL(count_of(session, CKO_PUBLIC_KEY), 0u);
        BOOST_CHECK_LE(count_of(session, CKO_CERTIFICATE), 1u);
    };
    nothing_there();
    const CK_RV rv = f.login(session, f.card->pin(use));
    // "filler": the certificate was removed, PIN and key still work; the key is not offered.
    BOOST_CHECK_MESSAGE(rv == CKR_OK || rv == CKR_USER_PIN_NOT_INITIALIZED || rv == CKR_PIN_LOCKED, rv_name(rv));
    nothing_there();
}

bool has(const Knobs& knobs, KeyUse use) {
    return use == KeyUse::authentication ? knobs.has_authentication : knobs.has_signature;
}

}  // namespace

BOOST_AUTO_TEST_CASE(first_token_information_shows_which_keys_exist) {
    for (const CardKind& kind : jpki::model::card_kinds()) BOOST_TEST_CONTEXT(kind.name) {
            Holder f(kind);
            const Knobs knobs = f.card->knobs();
            for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
                const KeyUse use = slot == auth_slot ? KeyUse::authentication : KeyUse::signature;
                CK_TOKEN_INFO info{};
                CK_SESSION_HANDLE session = 0;
                if (!knobs.is_jpki) {
                    CHECK_RV(C_GetTokenInfo(slot, &info), CKR_TOKEN_NOT_RECOGNIZED);
                    CHECK_RV(C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_RECOGNIZED);
                    continue;
                }
                if (has(knobs, use)) {
                    CHECK_RV(C_GetTokenInfo(slot, &info), CKR_OK);
                    check_key_in_order(f, slot, use);
                    continue;
                }
                CHECK_RV(C_GetTokenInfo(slot, &info), CKR_TOKEN_NOT_PRESENT);
                CHECK_RV(C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_PRESENT);
                // Known by now: every function of the slot's token says so, before it looks at its other arguments.
                CHECK_RV(C_GetTokenInfo(slot, nullptr), CKR_TOKEN_NOT_PRESENT);
                CHECK_RV(C_OpenSession(slot, 0, nullptr, nullptr, nullptr), CKR_TOKEN_NOT_PRESENT);
                CK_ULONG mechanisms = 0;
                CK_MECHANISM_INFO mechanism{};
                CHECK_RV(C_GetMechanismList(slot, nullptr, &mechanisms), CKR_TOKEN_NOT_PRESENT);
                CHECK_RV(C_GetMechanismInfo(slot, CKM_SHA256, &mechanism), CKR_TOKEN_NOT_PRESENT);
            }
            CK_ULONG count = 0;
            REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
            BOOST_CHECK_EQUAL(count,
                              !knobs.is_jpki ? 0u : (knobs.has_authentication ? 1u : 0u) + (knobs.has_signature ? 1u : 0u));
            REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
            BOOST_CHECK_EQUAL(count, 2u);  // slots never disappear
        }
}

BOOST_AUTO_TEST_CASE(first_open_session_offers_only_existing_keys) {
    for (const CardKind& kind : jpki::model::card_kinds()) BOOST_TEST_CONTEXT(kind.name) {
            Holder f(kind);
            if (!f.card->knobs().is_jpki) continue;
            for (const CK_SLOT_ID slot : {sign_slot, auth_slot}) {
                const KeyUse use = slot == auth_slot ? KeyUse::authentication : KeyUse::signature;
                if (has(f.card->knobs(), use)) check_key_in_order(f, slot, use);
                else check_key_absent(f, f.open(slot), use);
            }
        }
}

BOOST_AUTO_TEST_CASE(missing_key_not_in_existence_file_is_not_offered) {
    for (const auto missing : {Knobs::Missing::not_found, Knobs::Missing::empty, Knobs::Missing::filler})
        for (const KeyUse lacks : {KeyUse::signature, KeyUse::authentication})
            BOOST_TEST_CONTEXT("missing " << static_cast<int>(missing) << " key " << static_cast<int>(lacks)) {
                CardKind kind = kind_named("adult");
                Holder f(kind);
                f.card->change_knobs([&](Knobs& k) {
                    k.has_existence_file = false;
                    k.missing_file = missing;
                    (lacks == KeyUse::signature ? k.has_signature : k.has_authentication) = false;
                });
                const CK_SLOT_ID slot = lacks == KeyUse::signature ? sign_slot : auth_slot;
                CK_TOKEN_INFO info{};
                const CK_RV rv = C_GetTokenInfo(slot, &info);
                BOOST_CHECK_MESSAGE(rv == CKR_OK || rv == CKR_TOKEN_NOT_PRESENT, rv_name(rv));
                // Whether the signature certificate exists may be known only after a login.
                if (lacks == KeyUse::authentication) CHECK_RV(rv, CKR_TOKEN_NOT_PRESENT);
                if (rv == CKR_OK) check_key_absent(f, f.open(slot), lacks);
                const KeyUse other = lacks == KeyUse::signature ? KeyUse::authentication : KeyUse::signature;
                check_key_in_order(f, 1 - slot, other);
            }
}

BOOST_DATA_TEST_CASE(certificate_of_phone_is_private_also_after_login_before_first_search, phones) {
    Holder f(kind_named(sample));
    const auto session = f.open_logged_in(auth_slot);
    const auto objects = find_class(session, CKO_CERTIFICATE);
    BOOST_REQUIRE_EQUAL(objects.size(), 2u);
    BOOST_CHECK(attribute(session, objects[0], CKA_VALUE) == f.card->pki().authentication_certificate);
    BOOST_CHECK(attribute(session, objects[0], CKA_PRIVATE) == Bytes{1});
    BOOST_CHECK(attribute(session, objects[1], CKA_PRIVATE) == Bytes{0});
    BOOST_CHECK(find_class(session, CKO_PROFILE).empty());
    CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
    CK_BBOOL yes = CK_TRUE;
    BOOST_CHECK_EQUAL(find(session, {{CKA_CLASS, &certificate, sizeof certificate}, {CKA_PRIVATE, &yes, 1}}).size(), 1u);
    REQUIRE_OK(C_Logout(session));
    BOOST_CHECK_EQUAL(find_class(session, CKO_CERTIFICATE).size(), 1u);
    CK_ATTRIBUTE value = {CKA_VALUE, nullptr, 0};
    CHECK_RV(C_GetAttributeValue(session, objects[0], &value, 1), CKR_OBJECT_HANDLE_INVALID);
}

BOOST_DATA_TEST_CASE(private_objects_of_phone_are_found_by_first_search_for_private_objects, phones) {
    for (CK_OBJECT_CLASS wanted : {CKO_CERTIFICATE, CKO_PUBLIC_KEY}) {
        Holder f(kind_named(sample));
        const auto session = f.open_logged_in(auth_slot);
        CK_BBOOL yes = CK_TRUE;
        BOOST_CHECK_EQUAL(find(session, {{CKA_CLASS, &wanted, sizeof wanted}, {CKA_PRIVATE, &yes, 1}}).size(), 1u);
    }
}

BOOST_DATA_TEST_CASE(profile_of_phone_does_not_promise_public_certificates, phones) {
    Holder f(kind_named(sample));
    BOOST_CHECK(find_class(f.open(auth_slot), CKO_PROFILE).empty());
}

BOOST_AUTO_TEST_CASE(foreign_card_gets_one_command_and_is_then_ignored) {
    Holder f(kind_named("foreign"));
    for (int i = 0; i < 5; ++i)
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            CK_TOKEN_INFO info{};
            CK_ULONG count = 0;
            CHECK_RV(C_GetTokenInfo(slot, &info), CKR_TOKEN_NOT_RECOGNIZED);
            CHECK_RV(C_GetMechanismList(slot, nullptr, &count), CKR_TOKEN_NOT_RECOGNIZED);
        }
    BOOST_CHECK_EQUAL(f.card->counts().commands, 1u);
}

BOOST_AUTO_TEST_CASE(certificate_with_unsupported_key_is_logged_once_and_shown_without_key) {
    const LogFile log;
    Holder f(kind_named("adult"), "P-256", log.settings("error"));
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        const std::size_t lines = log.lines().size();
        for (int i = 0; i < 2; ++i) BOOST_CHECK_EQUAL(find(session).size(), slot == auth_slot ? 3u : 2u);  // with the profile
        BOOST_CHECK_EQUAL(log.lines().size(), lines + 1);
        const Bytes& der = slot == auth_slot ? f.card->pki().authentication_certificate : f.card->pki().signature_certificate;
        const OpensslReads reads(der);
        const auto certificate = find_class(session, CKO_CERTIFICATE).at(0);
        BOOST_CHECK(attribute(session, certificate, CKA_VALUE) == der);
        BOOST_CHECK(attribute(session, certificate, CKA_ID) == Bytes{static_cast<std::uint8_t>(slot + 1)});
        BOOST_CHECK(attribute(session, certificate, CKA_SUBJECT) == reads.subject);
        BOOST_CHECK(attribute(session, certificate, CKA_ISSUER) == reads.issuer);
        BOOST_CHECK(attribute(session, certificate, CKA_SERIAL_NUMBER) == reads.serial_number);
    }
}

BOOST_AUTO_TEST_CASE(authentication_key_found_before_its_certificate_does_not_sign_for_another_key_type) {
    Holder f(kind_named("adult"), "P-256");
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    find(session);
    Bytes signature;
    CHECK_RV(sign(session, key, CKM_SHA256_RSA_PKCS, text, signature), CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(f.card->counts().signatures[0], 0u);
    // Nor has it the values of that certificate.
    for (const CK_ATTRIBUTE_TYPE type : {CKA_SUBJECT, CKA_PUBLIC_KEY_INFO, CKA_MODULUS}) {
        CK_ATTRIBUTE value = {type, nullptr, 0};
        CHECK_RV(C_GetAttributeValue(session, key, &value, 1), CKR_ATTRIBUTE_TYPE_INVALID);
    }
}

BOOST_AUTO_TEST_CASE(expired_certificates_are_shown_with_their_dates) {
    Holder f(kind_named("expired"));
    const auto session = f.open(auth_slot);
    const OpensslReads reads(f.card->pki().authentication_certificate);
    const Bytes end = attribute(session, find_class(session, CKO_CERTIFICATE).at(0), CKA_END_DATE);
    BOOST_CHECK_EQUAL(std::string(end.begin(), end.end()), reads.end_date);
}

BOOST_AUTO_TEST_CASE(blocked_and_last_try_pins_set_flags_of_their_slot_only) {
    const struct {
        const char* kind;
        CK_FLAGS auth, sign;
    } rows[] = {{"adult", 0, 0},
                {"without-pin", CKF_USER_PIN_LOCKED, 0},
                {"blocked-password", 0, CKF_USER_PIN_LOCKED},
                {"blocked", CKF_USER_PIN_LOCKED, CKF_USER_PIN_LOCKED},
                {"blocked-6983", CKF_USER_PIN_LOCKED, CKF_USER_PIN_LOCKED},
                {"last-try", CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW}};
    constexpr CK_FLAGS mask = CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW;
    for (const auto& row : rows) BOOST_TEST_CONTEXT(row.kind) {
            Holder f(kind_named(row.kind));
            CK_TOKEN_INFO info{};
            REQUIRE_OK(C_GetTokenInfo(auth_slot, &info));
            BOOST_CHECK_EQUAL(info.flags & mask, row.auth);
            REQUIRE_OK(C_GetTokenInfo(sign_slot, &info));
            BOOST_CHECK_EQUAL(info.flags & mask, row.sign);
        }
}
