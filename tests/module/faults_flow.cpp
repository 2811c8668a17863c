#include "faults_flow.hpp"

namespace jpki::test {

namespace {

// Codes that a disturbed call may return: the standard's codes for a device that fails, is removed, or was used by another
// program. Not among them: the code for our own faults (CKR_GENERAL_ERROR), and any PIN error for a right PIN.
bool standard(CK_RV rv) {
    switch (rv) {
    case CKR_OK:
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    case CKR_FUNCTION_FAILED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_USER_NOT_LOGGED_IN: return true;
    default: return false;
    }
}

CK_RV login(CK_SESSION_HANDLE session, std::string pin) {
    return C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), static_cast<CK_ULONG>(pin.size()));
}

CK_RV value_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, Bytes& value) {
    value.assign(4096, 0);
    CK_ATTRIBUTE wanted = {type, value.data(), static_cast<CK_ULONG>(value.size())};
    const CK_RV rv = C_GetAttributeValue(session, object, &wanted, 1);
    value.resize(rv == CKR_OK ? wanted.ulValueLen : 0);
    return rv;
}

}  // namespace

void Flow::complain(const std::string& what) { wrong_ += (wrong_.empty() ? "" : "; ") + what; }

bool Flow::step(const char* name, CK_RV rv, CK_RV wanted) {
    last_ = rv;
    if (rv == wanted) return true;
    if (!standard(rv)) complain(std::string(name) + " answered " + rv_name(rv));
    if (wanted != CKR_OK && rv == CKR_OK) complain(std::string(name) + " succeeded");
    ended_at_ = std::string(name) + " " + rv_name(rv);
    return false;
}

// Every object with its contents. Certificates are compared with the card's own.
bool Flow::read_objects(CK_SESSION_HANDLE session, CK_SLOT_ID slot, std::size_t expected) {
    const auto& pki = card_->pki();
    if (!step("C_FindObjectsInit", C_FindObjectsInit(session, nullptr, 0))) return false;
    CK_OBJECT_HANDLE objects[8];
    CK_ULONG count = 0;
    const CK_RV rv = C_FindObjects(session, objects, 8, &count);
    if (!step("C_FindObjects", rv)) return false;
    if (!step("C_FindObjectsFinal", C_FindObjectsFinal(session))) return false;
    // A missing object was not read: a fault must not look like a card without it.
    if (count < expected) {
        // Unless the login was lost, and with it private objects: the flow may end with a lost login.
        CK_SESSION_INFO info{};
        if (!step("C_GetSessionInfo", C_GetSessionInfo(session, &info))) return false;
        const bool lost = logged_in_ && info.state != CKS_RO_USER_FUNCTIONS && info.state != CKS_RW_USER_FUNCTIONS;
        if (lost && !step("C_FindObjects without the login", CKR_USER_NOT_LOGGED_IN)) return false;
    }
    if (count != expected) complain(std::to_string(count) + " objects and not " + std::to_string(expected));
    for (CK_ULONG i = 0; i < count; ++i) {
        Bytes object_class, value;
        if (!step("C_GetAttributeValue", value_of(session, objects[i], CKA_CLASS, object_class))) return false;
        CK_OBJECT_CLASS which = 0;
        std::memcpy(&which, object_class.data(), sizeof which);
        if (which == CKO_PRIVATE_KEY) key_ = objects[i];
        if (which == CKO_CERTIFICATE) {
            Bytes id;
            if (!step("C_GetAttributeValue", value_of(session, objects[i], CKA_ID, id))) return false;
            if (!step("C_GetAttributeValue", value_of(session, objects[i], CKA_VALUE, value))) return false;
            const bool ca = id.front() >= 0x10;
            const Bytes& real =
                ca ? (slot == auth_slot ? pki.authentication_ca : pki.signature_ca) : certificate_of(*card_, slot);
            if (value != real) complain("a wrong certificate");
        }
        if (which == CKO_PUBLIC_KEY || which == CKO_PRIVATE_KEY)
            if (!step("C_GetAttributeValue", value_of(session, objects[i], CKA_MODULUS, value))) return false;
    }
    return true;
}

bool Flow::sign(CK_SESSION_HANDLE session, CK_SLOT_ID slot, CK_MECHANISM_TYPE type) {
    Bytes signature;
    const Bytes data = {static_cast<std::uint8_t>(slot), 'd', 'a', 't', 'a'};
    const CK_RV rv = test::sign(session, key_, type, data, signature);
    // Every returned signature must be right.
    if (rv == CKR_OK && !openssl_verifies(certificate_of(*card_, slot), type, data, signature)) complain("a wrong signature");
    return step("C_Sign", rv);
}

void Flow::steps() {
    CK_SESSION_HANDLE auth = 0, signature = 0;
    CK_TOKEN_INFO token{};
    CK_ULONG count = 0;
    if (!step("C_OpenSession", C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &auth))) return;
    if (!step("C_GetTokenInfo", C_GetTokenInfo(auth_slot, &token))) return;
    if (!step("C_OpenSession", C_OpenSession(sign_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &signature)))
        return;
    if (!step("C_GetTokenInfo", C_GetTokenInfo(sign_slot, &token))) return;
    if (!step("C_GetMechanismList", C_GetMechanismList(auth_slot, nullptr, &count))) return;
    if (!read_objects(auth, auth_slot, 4)) return;
    // A wrong PIN, so that the retry counter changes.
    if (!step("C_Login with a wrong PIN", login(auth, "0000"), CKR_PIN_INCORRECT)) return;
    if (!step("C_Login", login(auth, card_->pin(KeyUse::authentication)))) return;
    logged_in_ = true;
    if (!read_objects(auth, auth_slot, 5)) return;
    if (!sign(auth, auth_slot, CKM_SHA256_RSA_PKCS)) return;
    if (!step("C_Login", login(signature, card_->pin(KeyUse::signature)))) return;
    if (!read_objects(signature, sign_slot, 4)) return;
    if (!sign(signature, sign_slot, CKM_SHA256_RSA_PKCS)) return;
    if (!step("C_Logout", C_Logout(auth))) return;
    if (!step("C_Logout", C_Logout(signature))) return;
    step("C_CloseSession", C_CloseSession(auth));
}

void Flow::short_steps() {
    CK_SESSION_HANDLE session = 0;
    if (!step("C_OpenSession", C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session))) return;
    if (!step("C_Login", login(session, card_->pin(KeyUse::authentication)))) return;
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted = {CKA_CLASS, &object_class, sizeof object_class};
    CK_ULONG count = 0;
    if (!step("C_FindObjectsInit", C_FindObjectsInit(session, &wanted, 1))) return;
    if (!step("C_FindObjects", C_FindObjects(session, &key_, 1, &count))) return;
    if (!step("C_FindObjectsFinal", C_FindObjectsFinal(session))) return;
    sign(session, auth_slot, CKM_SHA256_RSA_PKCS);
}

void Flow::check_afterwards() {
    // What an application does after a failure.
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
        if (const CK_RV rv = C_CloseAllSessions(slot); !standard(rv)) complain("C_CloseAllSessions answered " + rv_name(rv));
    const auto counts = card_->counts();
    for (const KeyUse use : both_keys) {
        const std::size_t sent = counts.verify[index(use)], wrong = counts.wrong[index(use)];
        const int most = card_->knobs().max_tries[index(use)];
        // The flow sends each PIN once; the wrong one first. A right one resets the counter.
        if (wrong > (use == KeyUse::authentication ? 1u : 0u) || sent > wrong + 1) complain("a PIN was sent twice");
        const int explained = sent > wrong ? most : most - static_cast<int>(wrong);
        if (card_->tries(use) != explained)
            complain(std::to_string(card_->tries(use)) + " tries left where the VERIFYs explain " + std::to_string(explained));
        if (!told_gone_ && card_->verified(use)) complain("the card is left open for others");
    }
    if (counts.issuer_commands != 0) complain("an issuer's command");
}

void Flow::begin() {
    key_ = 0;
    logged_in_ = false;
    last_ = CKR_OK;
    ended_at_.clear();
    wrong_.clear();
    card_->reset_counts();
}

CK_RV Flow::run_on() {
    begin();
    steps();
    check_afterwards();
    return last_;
}

CK_RV Flow::run_shortly() {
    fake::swap_card(reader_name, card_);
    begin();
    short_steps();
    check_afterwards();
    return last_;
}

CK_RV Flow::run() {
    try {
        fake::remove_card(reader_name);
    } catch (const std::logic_error&) {
        // already removed
    }
    // Reset the tries of the flow before.
    card_->set_tries(KeyUse::authentication, 3);
    fake::insert_card(reader_name, card_);
    return run_on();
}

}  // namespace jpki::test
