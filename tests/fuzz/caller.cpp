#include "caller.hpp"

#include "hostile_pcsc.hpp"
#include "must.hpp"
#include "test_pki.hpp"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <set>
#include <string>
#include <tuple>
#include <winscard.h>

namespace jpki::fuzz {

namespace {

model::KeyUse use_of(CK_SLOT_ID slot) { return slot == 0 ? model::KeyUse::authentication : model::KeyUse::signature; }

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

constexpr CK_ATTRIBUTE_TYPE attribute_types[] = {CKA_TOKEN,
                                                 CKA_PRIVATE,
                                                 CKA_MODIFIABLE,
                                                 CKA_LABEL,
                                                 CKA_ID,
                                                 CKA_VALUE,
                                                 CKA_CERTIFICATE_TYPE,
                                                 CKA_CERTIFICATE_CATEGORY,
                                                 CKA_SUBJECT,
                                                 CKA_ISSUER,
                                                 CKA_SERIAL_NUMBER,
                                                 CKA_START_DATE,
                                                 CKA_END_DATE,
                                                 CKA_KEY_TYPE,
                                                 CKA_MODULUS,
                                                 CKA_MODULUS_BITS,
                                                 CKA_PUBLIC_EXPONENT,
                                                 CKA_PRIVATE_EXPONENT,
                                                 CKA_SENSITIVE,
                                                 CKA_SIGN,
                                                 CKA_VERIFY,
                                                 CKA_ALWAYS_AUTHENTICATE,
                                                 CKA_ALLOWED_MECHANISMS,
                                                 CKA_PUBLIC_KEY_INFO};

unsigned char text[] = "text";
constexpr CK_ULONG text_size = 4;

// Of the constant text. Signatures that were once found good are not verified again.
bool verifies(EVP_PKEY* key, bool pss, const unsigned char* signature, std::size_t length) {
    constexpr std::size_t most = 1000;
    static std::set<std::tuple<EVP_PKEY*, bool, std::string>> known_good;
    const std::tuple which(key, pss, std::string(signature, signature + length));
    if (known_good.contains(which)) return true;
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* key_context = nullptr;
    bool good = EVP_DigestVerifyInit(context, &key_context, EVP_sha256(), nullptr, key) == 1;
    if (pss) good = good && EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1;
    good = good && EVP_DigestVerify(context, signature, length, text, text_size) == 1;
    EVP_MD_CTX_free(context);
    if (good && known_good.size() < most) known_good.insert(which);
    return good;
}

}  // namespace

void Caller::token_information(CK_SLOT_ID slot) {
    CK_TOKEN_INFO token;
    C_GetTokenInfo(slot, &token);
    CK_MECHANISM_TYPE mechanisms[16];
    CK_ULONG count = 16;
    C_GetMechanismList(slot, mechanisms, &count);
    CK_MECHANISM_INFO information;
    C_GetMechanismInfo(slot, CKM_RSA_PKCS_PSS, &information);
}

bool Caller::open(CK_SLOT_ID slot) {
    Session& session = sessions_[slot];
    if (session.handle != 0) C_CloseSession(session.handle);
    session = {};
    if (C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session.handle) != CKR_OK) return false;
    session.person = inserted_;
    return true;
}

CK_RV Caller::login(CK_SLOT_ID slot, CK_USER_TYPE user) {
    std::string pin = owner(slot).card->pin(use_of(slot));
    ++owner(slot).account.pins[slot];
    if (user == CKU_CONTEXT_SPECIFIC) ++owner(slot).account.consents[slot];
    return C_Login(sessions_[slot].handle, user, bytes_of(pin), pin.size());
}

void Caller::look(CK_SLOT_ID slot) {
    Session& session = sessions_[slot];
    if (C_FindObjectsInit(session.handle, nullptr, 0) != CKR_OK) return;
    CK_OBJECT_HANDLE objects[16];
    CK_ULONG count = 0;
    C_FindObjects(session.handle, objects, 16, &count);
    C_FindObjectsFinal(session.handle);
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_OBJECT_CLASS object_class = 0;
        CK_ATTRIBUTE attribute = {CKA_CLASS, &object_class, sizeof object_class};
        C_GetAttributeValue(session.handle, objects[i], &attribute, 1);
        if (object_class == CKO_PRIVATE_KEY) session.key = objects[i];
        static unsigned char values[std::size(attribute_types)][4096];
        std::array<CK_ATTRIBUTE, std::size(attribute_types)> attributes;
        for (std::size_t n = 0; n < attributes.size(); ++n) attributes[n] = {attribute_types[n], values[n], sizeof values[n]};
        C_GetAttributeValue(session.handle, objects[i], attributes.data(), attributes.size());
    }
}

bool Caller::sign(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, bool give_consent, bool in_parts) {
    const Session& session = sessions_[slot];
    const bool pss = type == CKM_SHA256_RSA_PKCS_PSS;
    CK_RSA_PKCS_PSS_PARAMS parameters = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism = {type, pss ? &parameters : nullptr, pss ? sizeof parameters : 0};
    if (C_SignInit(session.handle, &mechanism, session.key) != CKR_OK) return false;
    if (give_consent) login(slot, CKU_CONTEXT_SPECIFIC);
    unsigned char signature[256];
    CK_ULONG length = 0;
    if (in_parts) {
        // A buffer that is too small must not cost a signature.
        if (C_SignUpdate(session.handle, text, text_size) != CKR_OK) return false;
        C_SignFinal(session.handle, signature, &length);
    }
    length = sizeof signature;
    ++owner(slot).account.signatures[slot];
    const CK_RV rv =
        in_parts ? C_SignFinal(session.handle, signature, &length) : C_Sign(session.handle, text, text_size, signature, &length);
    if (rv != CKR_OK) return false;
    must(length == sizeof signature);
    // The only key that can come from a certificate of this size and verify is the card's own: an input that creates another
    // RSA certificate and a matching signature would have broken more than this module.
    if (slot == 1) must(verifies(owner(slot).card->pki().signature_key, pss, signature, length));
    return true;
}

void Caller::verify(CK_SLOT_ID slot) {
    const CK_SESSION_HANDLE session = sessions_[slot].handle;
    CK_OBJECT_CLASS object_class = CKO_PUBLIC_KEY;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &object_class, sizeof object_class};
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;
    if (C_FindObjectsInit(session, &wanted, 1) != CKR_OK) return;
    C_FindObjects(session, &key, 1, &count);
    C_FindObjectsFinal(session);
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    unsigned char signature[256] = {1};
    if (count == 1 && C_VerifyInit(session, &mechanism, key) == CKR_OK)
        must(C_Verify(session, text, text_size, signature, sizeof signature) != CKR_OK);
}

void Caller::set_pin(CK_SLOT_ID slot) {
    std::string old = owner(slot).card->pin(use_of(slot));
    std::string fresh = slot == 0 ? "4321" : "XYZ789";
    ++owner(slot).account.pins[slot];
    ++owner(slot).account.changes[slot];
    C_SetPIN(sessions_[slot].handle, bytes_of(old), old.size(), bytes_of(fresh), fresh.size());
}

unsigned Caller::the_usual(CK_SLOT_ID slot) {
    token_information(slot);
    if (!open(slot)) return 0;
    login(slot, CKU_USER);
    look(slot);
    unsigned signatures = 0;
    for (int i = 0; i < 2; ++i) signatures += sign(slot, CKM_SHA256_RSA_PKCS, consent_each_ && slot == 1, false);
    set_pin(slot);
    C_Logout(sessions_[slot].handle);
    C_CloseSession(sessions_[slot].handle);
    sessions_[slot] = {};
    return signatures;
}

void Caller::step(std::uint8_t choice, std::uint8_t variation) {
    const CK_SLOT_ID slot = variation & 1;
    const CK_SESSION_HANDLE session = sessions_[slot].handle;
    const bool consent = (variation & 2) != 0;
    const bool in_parts = (variation & 4) != 0;
    switch (choice % 22) {
    case 0: {
        CK_ULONG count = 0;
        C_GetSlotList(variation & 2, nullptr, &count);
        CK_SLOT_INFO information;
        C_GetSlotInfo(slot, &information);
        break;
    }
    case 1: token_information(slot); break;
    case 2: open(slot); break;
    case 3: C_CloseAllSessions(slot); break;
    case 4:
        if (open(slot)) {
            login(slot, CKU_USER);
            look(slot);
        }
        break;
    case 5: login(slot, CKU_USER); break;
    case 6: login(slot, CKU_CONTEXT_SPECIFIC); break;
    case 7: C_Logout(session); break;
    case 8: look(slot); break;
    case 9: sign(slot, CKM_SHA256_RSA_PKCS, consent, in_parts); break;
    case 10: sign(slot, CKM_SHA256_RSA_PKCS_PSS, consent, in_parts); break;
    case 11: verify(slot); break;
    case 12: set_pin(slot); break;
    case 13: {
        CK_SLOT_ID changed = 0;
        C_WaitForSlotEvent(CKF_DONT_BLOCK, &changed, nullptr);
        break;
    }
    case 14: {
        CK_SESSION_INFO information;
        C_GetSessionInfo(session, &information);
        break;
    }
    case 15:
        C_Finalize(nullptr);
        sessions_ = {};
        must(C_Initialize(nullptr) == CKR_OK);
        break;
    default: world(choice % 22, variation); break;
    }
}

// Events at the reader between two calls.
void Caller::world(std::uint8_t choice, std::uint8_t variation) {
    const auto present = people_[inserted_].card;
    switch (choice) {
    case 16:
        inserted_ = variation & 1;
        exchange_card(people_[inserted_].card);
        break;
    case 17: exchange_card(nullptr); break;
    case 18: present->other_program_selects_another_application(); break;
    case 19: reset_card(); break;
    case 20: set_service(variation & 1); break;
    default: {
        static constexpr long codes[] = {SCARD_E_SHARING_VIOLATION, SCARD_W_RESET_CARD,    SCARD_E_NO_SERVICE,
                                         SCARD_W_REMOVED_CARD,      SCARD_F_COMM_ERROR,    SCARD_E_NOT_TRANSACTED,
                                         SCARD_W_UNPOWERED_CARD,    SCARD_E_INVALID_HANDLE};
        const bool for_long = variation >= 0xC0;  // longer than any timeout
        trouble_ahead((variation >> 3) & 7, for_long ? 1000 : 1u + ((variation >> 6) & 1), codes[variation & 7]);
        break;
    }
    }
}

}  // namespace jpki::fuzz
