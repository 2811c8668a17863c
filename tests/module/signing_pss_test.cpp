// PSS: only with the card's parameters, and only if the card is known to have it (apdu/README.md, P1 table).
#include "fixture.hpp"

#include <set>

using namespace jpki::test;

namespace {

constexpr CK_MECHANISM_TYPE pss_mechanisms[] = {CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS};

bool offers_pss(CK_SLOT_ID slot) {
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetMechanismList(slot, nullptr, &count));
    std::vector<CK_MECHANISM_TYPE> list(count);
    REQUIRE_OK(C_GetMechanismList(slot, list.data(), &count));
    std::size_t listed = 0;
    for (const auto type : list) listed += type == CKM_RSA_PKCS_PSS || type == CKM_SHA256_RSA_PKCS_PSS;
    // The list, the information and C_SignInit agree.
    for (const auto type : pss_mechanisms) {
        CK_MECHANISM_INFO info{};
        CHECK_RV(C_GetMechanismInfo(slot, type, &info), listed ? CKR_OK : CKR_MECHANISM_INVALID);
    }
    BOOST_CHECK(listed == 0 || listed == 2);
    return listed == 2;
}

Knobs card_with(bool pss, const std::string& model) {
    Knobs knobs;
    knobs.pss = pss;
    knobs.model = model;
    return knobs;
}

std::string setting(const char* value) { return std::string("[mechanisms]\npss = \"") + value + "\"\n"; }

CK_RV try_pss(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type) {
    Bytes signature;
    return sign(session, find_key(session), type, Bytes(32, 9), signature);
}

}  // namespace

BOOST_AUTO_TEST_CASE(pss_parameters_other_than_cards_are_rejected) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    const auto public_key = find_class(session, CKO_PUBLIC_KEY).at(0);
    f.card->reset_counts();
    const CK_RSA_PKCS_PSS_PARAMS wrong[] = {{CKM_SHA_1, CKG_MGF1_SHA1, 20},
                                            {CKM_SHA384, CKG_MGF1_SHA384, 48},
                                            {CKM_SHA512, CKG_MGF1_SHA512, 64},
                                            {CKM_SHA256, CKG_MGF1_SHA1, 32},
                                            {CKM_SHA_1, CKG_MGF1_SHA256, 32},
                                            {CKM_SHA256, CKG_MGF1_SHA256, 0},
                                            {CKM_SHA256, CKG_MGF1_SHA256, 20},
                                            {CKM_SHA256, CKG_MGF1_SHA256, 31},
                                            {CKM_SHA256, CKG_MGF1_SHA256, 33},
                                            {CKM_SHA256, CKG_MGF1_SHA256, 222},
                                            {CKM_SHA256, CKG_MGF1_SHA256, ~CK_ULONG{0}},
                                            {CKM_SHA256, 0, 32},
                                            {0, 0, 0},
                                            {CKM_SHA256_RSA_PKCS, CKG_MGF1_SHA256, 32}};
    for (const auto type : pss_mechanisms) {
        const auto refused = [&](void* parameter, std::size_t length) {
            CK_MECHANISM mechanism = {type, parameter, static_cast<CK_ULONG>(length)};
            CHECK_RV(C_SignInit(session, &mechanism, key), CKR_MECHANISM_PARAM_INVALID);
            CHECK_RV(C_VerifyInit(session, &mechanism, public_key), CKR_MECHANISM_PARAM_INVALID);
        };
        for (CK_RSA_PKCS_PSS_PARAMS parameters : wrong) refused(&parameters, sizeof parameters);
        CK_RSA_PKCS_PSS_PARAMS right[2] = {{CKM_SHA256, CKG_MGF1_SHA256, 32}, {}};
        refused(right, sizeof right[0] - 1);
        refused(right, sizeof right[0] + 1);
        refused(right, sizeof right);
        refused(right, 0);
        refused(right, ~std::size_t{0});
        refused(nullptr, 0);
        refused(nullptr, sizeof right[0]);
        // The caller's structure need not be aligned.
        alignas(8) unsigned char room[sizeof right[0] + 1];
        std::copy_n(static_cast<const unsigned char*>(static_cast<const void*>(right)), sizeof right[0], room + 1);
        CK_MECHANISM mechanism = {type, room + 1, sizeof right[0]};
        CHECK_RV(C_SignInit(session, &mechanism, key), CKR_OK);
        CHECK_RV(C_SessionCancel(session, CKF_SIGN), CKR_OK);
    }
    BOOST_CHECK_EQUAL(f.card->counts().signatures[0], 0u);
}

BOOST_AUTO_TEST_CASE(measured_model_offers_pss_without_probe) {
    Fixture f;
    BOOST_CHECK(offers_pss(auth_slot));
    BOOST_CHECK_EQUAL(f.card->counts().commands, 3u);  // SELECT, again in a second transaction, EF 0006
    BOOST_CHECK(offers_pss(sign_slot));
}

BOOST_AUTO_TEST_CASE(unmeasured_model_is_probed_for_pss_without_signature) {
    for (const bool pss : {true, false})
        for (const bool pin_first : {false, true})
            for (const bool wrong_length_6985 : {false, true})
                for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
                    Knobs knobs = card_with(pss, "E99X99XX");
                    knobs.checks_pin_before_p1 = pin_first;
                    knobs.wrong_length_6985 = wrong_length_6985;
                    Fixture f(knobs);
                    // A card that checks the PIN first does not reach P1: PSS is not known.
                    BOOST_CHECK_EQUAL(offers_pss(slot), pss && !pin_first);
                    BOOST_CHECK_EQUAL(f.card->counts().signatures[0] + f.card->counts().signatures[1], 0u);
                    // 5 for PSS; a model that is not known may have a key of another type, and the certificate says which.
                    BOOST_CHECK_LE(f.card->counts().commands, 13u);
                    f.card->reset_counts();
                    offers_pss(slot);
                    BOOST_CHECK_EQUAL(f.card->counts().commands, 0u);  // once per insertion
                }
}

BOOST_AUTO_TEST_CASE(card_without_token_information_is_probed_for_pss) {
    for (const bool pss : {true, false}) {
        Knobs knobs = card_with(pss, "");
        knobs.has_token_information = false;
        Fixture f(knobs);
        BOOST_CHECK_EQUAL(offers_pss(auth_slot), pss);
    }
}

BOOST_AUTO_TEST_CASE(pss_setting_overrides_card_both_ways) {
    {
        Fixture f(setting("off"));
        BOOST_CHECK(!offers_pss(auth_slot));
        BOOST_CHECK_LE(f.card->counts().commands, 3u);  // the model, which says of which type the key is; no probe
        const auto session = f.open_logged_in(auth_slot);
        for (const auto type : pss_mechanisms) CHECK_RV(try_pss(session, type), CKR_MECHANISM_INVALID);
        BOOST_CHECK_EQUAL(attribute(session, find_key(session), CKA_ALLOWED_MECHANISMS).size(), 4 * sizeof(CK_ULONG));
    }
    {
        Fixture f(setting("on"), card_with(true, "E99X99XX"));
        BOOST_CHECK(offers_pss(auth_slot));
        BOOST_CHECK_LE(f.card->counts().commands, 10u);  // the certificate, since the model is not known; no probe
        CHECK_RV(try_pss(f.open_logged_in(auth_slot), CKM_RSA_PKCS_PSS), CKR_OK);
    }
    {
        Fixture f(setting("auto"), card_with(true, "E99X99XX"));
        BOOST_CHECK(offers_pss(auth_slot));
    }
}

BOOST_AUTO_TEST_CASE(pss_is_withdrawn_after_card_rejected_it) {
    for (const char* value : {"auto", "on"})
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            Fixture f(setting(value), card_with(false, "E16R01NJ"));
            BOOST_CHECK(offers_pss(slot));
            const auto session = f.open_logged_in(slot);
            CHECK_RV(try_pss(session, CKM_RSA_PKCS_PSS), CKR_FUNCTION_FAILED);
            BOOST_CHECK(!offers_pss(slot));
            for (const auto type : pss_mechanisms) CHECK_RV(try_pss(session, type), CKR_MECHANISM_INVALID);
            // The session, the login and PKCS#1 still work.
            const Bytes& certificate =
                slot == auth_slot ? f.card->pki().authentication_certificate : f.card->pki().signature_certificate;
            const Bytes data(10, 1);
            BOOST_CHECK(openssl_verifies(certificate, CKM_SHA256_RSA_PKCS, data,
                                         signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, data)));
        }
}

BOOST_AUTO_TEST_CASE(pss_is_withdrawn_for_both_keys_after_card_rejected_it) {
    // "A 6A86 at run time withdraws it for that card": the card, not the slot.
    Fixture f(card_with(false, "E16R01NJ"));
    CHECK_RV(try_pss(f.open_logged_in(auth_slot), CKM_RSA_PKCS_PSS), CKR_FUNCTION_FAILED);
    BOOST_CHECK(!offers_pss(sign_slot));
}

BOOST_AUTO_TEST_CASE(another_card_is_probed_for_pss_again) {
    Fixture f(card_with(false, "E16R01NJ"));
    CHECK_RV(try_pss(f.open_logged_in(auth_slot), CKM_RSA_PKCS_PSS), CKR_FUNCTION_FAILED);
    BOOST_CHECK(!offers_pss(auth_slot));
    jpki::fake::swap_card(reader_name, std::make_shared<CardModel>(TestPki::shared(), card_with(true, "E16R01NJ")));
    BOOST_CHECK(offers_pss(auth_slot));
}
