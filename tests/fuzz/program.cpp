#include "program.hpp"

#include "must.hpp"
#include "test_pki.hpp"

#include <algorithm>
#include <cstring>
#include <openssl/evp.h>

namespace jpki::fuzz {

namespace {

unsigned char text[] = "A text to sign, longer than every hash value: 0123456789012345678901234567890123456789";

CK_RV any_mutex(void**) { return CKR_OK; }
CK_RV any_mutex_call(void*) { return CKR_OK; }

}  // namespace

bool Program::initialize(std::uint8_t how) {
    CK_C_INITIALIZE_ARGS arguments{};
    if (how & 1) arguments.flags |= CKF_OS_LOCKING_OK;
    if (how & 2) arguments.flags |= CKF_LIBRARY_CANT_CREATE_OS_THREADS;
    if (how & 4) arguments.CreateMutex = any_mutex;
    if (how & 4) arguments.DestroyMutex = arguments.LockMutex = any_mutex_call;
    if ((how & 12) == 4) arguments.UnlockMutex = any_mutex_call;
    if (how & 16) arguments.pReserved = text;
    const CK_RV rv = C_Initialize(how == 0 ? nullptr : &arguments);
    return rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED;
}

void Program::call(std::uint8_t choice, Input& input) {
    const auto how = input.byte();
    choice = static_cast<std::uint8_t>(choice % calls);
    if (choice < 4) return slots(choice, how);
    if (choice < 9) return sessions(choice, how);
    if (choice < 13) return logins(choice, how, input.byte());
    if (choice < 17) return objects(choice, how, input);
    if (choice < 21) return signing(choice, how, input.byte());
    if (choice < 24) return verifying(choice, how, input.byte());
    others(choice, how, input.byte());
}

// --- slots and tokens --------------------------------------------------------------------------------------------------

void Program::slots(std::uint8_t choice, std::uint8_t how) {
    const CK_SLOT_ID slot = how & 7;
    switch (choice) {
    case 0: {
        CK_SLOT_ID list[8];
        CK_ULONG count = (how >> 2) & 7;
        C_GetSlotList(how & 1, how & 2 ? list : nullptr, how & 128 ? nullptr : &count);
        break;
    }
    case 1: {
        CK_SLOT_INFO information;
        C_GetSlotInfo(slot, how & 8 ? nullptr : &information);
        break;
    }
    case 2: {
        CK_TOKEN_INFO information;
        C_GetTokenInfo(slot, how & 8 ? nullptr : &information);
        break;
    }
    default: {
        static constexpr std::array<CK_MECHANISM_TYPE, 8> types = {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA,  CKM_ECDSA_SHA384,
                                                                   CKM_SHA256,   CKM_SHA_1,        CKM_SHA384, CKM_RSA_X_509};
        CK_MECHANISM_INFO information;
        CK_MECHANISM_TYPE list[16];
        CK_ULONG count = how & 64 ? 2 : 16;
        if (how & 128) C_GetMechanismList(slot & 3, how & 8 ? nullptr : list, how & 16 ? nullptr : &count);
        else C_GetMechanismInfo(slot & 1, types[(how >> 3) & 7], how & 64 ? nullptr : &information);
    }
    }
}

// --- sessions ----------------------------------------------------------------------------------------------------------

void Program::open(Session& session, CK_SLOT_ID slot, std::uint8_t how) {
    CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    if (how & 1) flags &= ~static_cast<CK_FLAGS>(CKF_RW_SESSION);
    if (how & 2) flags &= ~static_cast<CK_FLAGS>(CKF_SERIAL_SESSION);
    if (how & 4) flags |= 0x80;
    session = {};
    session.slot = slot;
    session.person = world_.inserted;
    C_OpenSession(slot, flags, nullptr, nullptr, how & 8 ? nullptr : &session.handle);
}

void Program::sessions(std::uint8_t choice, std::uint8_t how) {
    Session& session = this->session(how);
    switch (choice) {
    case 4: return open(session, (how >> 2) & 3, how >> 4);
    case 5: C_CloseSession(session.handle); break;
    case 6: C_CloseAllSessions(how & 7); break;
    case 7: {
        CK_SESSION_INFO information;
        C_GetSessionInfo(session.handle, how & 4 ? nullptr : &information);
        break;
    }
    // What most programs do.
    default:
        open(session, how & 4 ? 1 : 0, 0);
        login(session, CKU_USER, 0, false);
        find(session);
    }
}

// --- logins and PINs ---------------------------------------------------------------------------------------------------

Program::Pin Program::pin(const Session& session, unsigned choice) {
    const std::size_t use = use_of(session);
    const std::string right =
        world_.people[session.person].card->pin(use ? model::KeyUse::signature : model::KeyUse::authentication);
    switch (choice & 7) {
    case 0: return {right, false, true};
    case 1: return {use ? "WRONG77" : "0000", false, false};
    case 2: return {use ? "WRONG88" : "1111", false, false};
    case 3: {
        std::string lower = right;
        for (char& c : lower)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 'a' - 'A');
        return {lower, false, true};
    }
    case 4: return {use ? "short" : "12345", false, false};
    case 5: return {use ? "no-such" : "12a4", false, false};
    case 6: return {"", false, false};
    default: return {"", true, false};
    }
}

// After a swap that pcscd did not see, the PIN may reach the other card: if nothing was read of the first one, nothing shows that
// there is another now (module/README.md, Limits).
void Program::given(const Session& session, const Pin& pin) {
    if (pin.none) return;
    const std::size_t use = use_of(session);
    for (std::size_t person = 0; person < world_.people.size(); ++person) {
        const bool own = person == session.person;
        if (!own && !world_.swapped_unnoticed) continue;
        Account& account = world_.people[person].account;
        ++account.pins[use];
        if (!own || !pin.right) ++account.wrong[use];
    }
}

void Program::login(Session& session, CK_USER_TYPE user, unsigned pin_choice, bool by_name) {
    Pin pin = this->pin(session, pin_choice);
    given(session, pin);
    if (!pin.none && user == CKU_CONTEXT_SPECIFIC) ++account(session).consents[use_of(session)];
    if (by_name) C_LoginUser(session.handle, user, pin.data(), pin.text.size(), text, pin_choice & 8 ? 1 : 0);
    else C_Login(session.handle, user, pin.data(), pin.text.size());
}

void Program::logins(std::uint8_t choice, std::uint8_t how, std::uint8_t more) {
    static constexpr std::array<CK_USER_TYPE, 4> users = {CKU_USER, CKU_CONTEXT_SPECIFIC, CKU_SO, 7};
    Session& session = this->session(how);
    switch (choice) {
    case 9: return login(session, users[(how >> 2) & 3], more, how & 16);
    case 10: C_Logout(session.handle); break;
    case 11: {
        static const std::array<std::string, 4> new_pins = {"4321", "XYZ789", "1", "bad new!"};
        const std::size_t use = use_of(session);
        Pin old = pin(session, more);
        std::string fresh = new_pins[(how >> 2) & 3];
        given(session, old);
        ++account(session).changes[use];
        C_SetPIN(session.handle, old.data(), old.text.size(), how & 16 ? nullptr : reinterpret_cast<unsigned char*>(fresh.data()),
                 fresh.size());
        break;
    }
    default:
        must(C_InitPIN(session.handle, text, 4) != CKR_OK);
        must(C_InitToken(how & 3, text, 4, how & 4 ? nullptr : text) != CKR_OK);
    }
}

// --- objects -----------------------------------------------------------------------------------------------------------

void Program::find(Session& session) {
    if (C_FindObjectsInit(session.handle, nullptr, 0) != CKR_OK) return;
    CK_OBJECT_HANDLE found[16];
    CK_ULONG count = 0;
    C_FindObjects(session.handle, found, 16, &count);
    C_FindObjectsFinal(session.handle);
    session.objects.assign(found, found + count);
    for (const CK_OBJECT_HANDLE object : session.objects) {
        CK_OBJECT_CLASS object_class = 0;
        CK_ATTRIBUTE attribute = {CKA_CLASS, &object_class, sizeof object_class};
        C_GetAttributeValue(session.handle, object, &attribute, 1);
        if (object_class == CKO_PRIVATE_KEY) session.private_key = object;
        if (object_class == CKO_PUBLIC_KEY) session.public_key = object;
    }
}

void Program::objects(std::uint8_t choice, std::uint8_t how, Input& input) {
    static constexpr std::array<CK_ATTRIBUTE_TYPE, 32> types = {CKA_CLASS,
                                                                CKA_TOKEN,
                                                                CKA_PRIVATE,
                                                                CKA_LABEL,
                                                                CKA_ID,
                                                                CKA_VALUE,
                                                                CKA_SUBJECT,
                                                                CKA_ISSUER,
                                                                CKA_SERIAL_NUMBER,
                                                                CKA_START_DATE,
                                                                CKA_END_DATE,
                                                                CKA_KEY_TYPE,
                                                                CKA_MODULUS,
                                                                CKA_MODULUS_BITS,
                                                                CKA_PUBLIC_EXPONENT,
                                                                CKA_EC_PARAMS,
                                                                CKA_EC_POINT,
                                                                CKA_PRIVATE_EXPONENT,
                                                                CKA_UNIQUE_ID,
                                                                CKA_TRUSTED,
                                                                CKA_URL,
                                                                CKA_KEY_GEN_MECHANISM,
                                                                CKA_LOCAL,
                                                                CKA_PUBLIC_KEY_INFO,
                                                                CKA_SIGN,
                                                                CKA_VERIFY,
                                                                CKA_ALWAYS_AUTHENTICATE,
                                                                CKA_ALLOWED_MECHANISMS,
                                                                CKA_PROFILE_ID,
                                                                CKA_CERTIFICATE_CATEGORY,
                                                                CKA_CERTIFICATE_TYPE,
                                                                0xDEAD};
    Session& session = this->session(how);
    const CK_OBJECT_HANDLE object = session.objects.empty() ? 99 : session.objects[(how >> 2) % session.objects.size()];
    CK_ULONG count = 0;
    switch (choice) {
    case 13: return find(session);
    case 14: {  // a search with a template
        std::vector<CK_ATTRIBUTE> wanted((how >> 2) & 3);
        unsigned char values[4][8] = {};
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const auto type = input.byte(), value = input.byte();
            values[i][0] = value & 15;
            const CK_ULONG size = value & 128 ? 8 : value & 64 ? 1u << 20 : value & 32 ? 0 : 1;
            wanted[i] = {types[type % types.size()], value & 16 ? nullptr : values[i], size};
        }
        C_FindObjectsInit(session.handle, how & 16 ? nullptr : wanted.data(), how & 32 ? 2000 : wanted.size());
        if (how & 64) break;
        CK_OBJECT_HANDLE found[4];
        while (C_FindObjects(session.handle, found, how & 128 ? 1 : 4, &count) == CKR_OK && count > 0) {
        }
        C_FindObjectsFinal(session.handle);
        break;
    }
    case 15: {  // all attributes, sizes first or not
        static unsigned char values[types.size()][4096];
        std::array<CK_ATTRIBUTE, types.size()> attributes;
        for (std::size_t n = 0; n < types.size(); ++n)
            attributes[n] = {types[n], how & 128 ? nullptr : values[n], sizeof values[n]};
        C_GetAttributeValue(session.handle, object, attributes.data(), attributes.size());
        break;
    }
    default: {  // one of them, into a buffer that may be too small
        const auto type = types[input.byte() % types.size()];
        std::vector<unsigned char> value(input.byte());
        CK_ATTRIBUTE attribute = {type, value.empty() ? nullptr : value.data(), value.size()};
        C_GetAttributeValue(session.handle, object, how & 128 ? nullptr : &attribute, 1);
        must(attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || value.empty() || attribute.ulValueLen <= value.size());
        C_GetObjectSize(session.handle, object, how & 64 ? nullptr : &count);
    }
    }
}

}  // namespace jpki::fuzz
