// Program: signing, verifying, digests, and everything else.
#include "must.hpp"
#include "program.hpp"
#include "test_pki.hpp"

#include <openssl/evp.h>

namespace jpki::fuzz {

namespace {

unsigned char text[] = "A text to sign, longer than every hash value: 0123456789012345678901234567890123456789";
constexpr std::array<CK_ULONG, 8> text_sizes = {32, 0, 1, 4, 48, 64, 51, sizeof text - 1};

constexpr std::array<CK_MECHANISM_TYPE, 12> mechanisms = {
    CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS,     CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS,  CKM_SHA256_RSA_PKCS_PSS,
    CKM_ECDSA,           CKM_ECDSA_SHA256, CKM_ECDSA_SHA384,    CKM_RSA_X_509,       CKM_SHA1_RSA_PKCS, 0xDEAD};

// A mechanism with its parameter, right or wrong.
struct Mechanism {
    Mechanism(std::uint8_t how, std::uint8_t more) : value{mechanisms[(how >> 2) % mechanisms.size()], nullptr, 0} {
        const bool pss = value.mechanism == CKM_RSA_PKCS_PSS || value.mechanism == CKM_SHA256_RSA_PKCS_PSS;
        if (more & 1) parameters.sLen = 20;
        if (more & 2) parameters.hashAlg = CKM_SHA384;
        if (more & 4) parameters.mgf = CKG_MGF1_SHA1;
        if (pss != ((more & 8) != 0)) {
            value.pParameter = &parameters;
            value.ulParameterLen = more & 16 ? sizeof parameters - 1 : sizeof parameters;
        }
    }
    CK_RSA_PKCS_PSS_PARAMS parameters = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM value;
};

}  // namespace

CK_OBJECT_HANDLE Program::key(const Session& session, unsigned choice) const {
    switch (choice & 3) {
    case 1: return session.public_key;
    case 2: return session.objects.empty() ? 1 : session.objects.front();
    case 3: return 99;
    default: return session.private_key;
    }
}

void Program::sign_init(Session& session, std::uint8_t how, std::uint8_t more) {
    Mechanism mechanism(how, more);
    const CK_RV rv = C_SignInit(session.handle, how & 128 && more & 32 ? nullptr : &mechanism.value, key(session, more >> 6));
    // Otherwise an operation that was begun before goes on.
    if (rv != CKR_OK) return;
    session.signs_with = mechanism.value.mechanism;
    session.to_sign.clear();
}

void Program::sign_update(Session& session, const unsigned char* data, CK_ULONG size) {
    if (C_SignUpdate(session.handle, const_cast<unsigned char*>(data), size) == CKR_OK)
        session.to_sign.insert(session.to_sign.end(), data, data + size);
}

// `how`: two bits of session, three of size, then the buffer.
void Program::sign(Session& session, std::uint8_t how, bool in_parts) {
    const CK_ULONG size = text_sizes[(how >> 2) & 7];
    std::vector<unsigned char> signature(how & 32 ? 8u : 256u);
    CK_ULONG length = signature.size();
    unsigned char* const out = how & 64 ? nullptr : signature.data();
    CK_ULONG* const out_length = how & 128 ? nullptr : &length;
    if (out && out_length && length >= 96) ++account(session).signatures[use_of(session)];
    if (in_parts) sign_update(session, text, size);
    const std::vector<unsigned char> data = in_parts ? session.to_sign : std::vector<unsigned char>(text, text + size);
    const CK_RV rv =
        in_parts ? C_SignFinal(session.handle, out, out_length) : C_Sign(session.handle, text, size, out, out_length);
    if (rv != CKR_OK || !out || !out_length) return;
    must(length == 256 || length == 96);
    signature.resize(length);
    session.signature = std::move(signature);
    // Text with SHA-256 can be checked here without the module: only the owner's signature key makes such signatures.
    if (session.signs_with != CKM_SHA256_RSA_PKCS || use_of(session) != 1) return;
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    must(EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, world_.people[session.person].card->pki().signature_key) ==
         1);
    must(EVP_DigestVerify(context, session.signature.data(), length, data.data(), data.size()) == 1);
    EVP_MD_CTX_free(context);
}

void Program::signing(std::uint8_t choice, std::uint8_t how, std::uint8_t more) {
    Session& session = this->session(how);
    switch (choice) {
    case 17: return sign_init(session, how, more);
    case 18: return sign(session, how, more & 1);
    case 19: return sign_update(session, more & 1 ? nullptr : text, text_sizes[(how >> 2) & 7]);
    default:  // what most programs do
        sign_init(session, static_cast<std::uint8_t>(how & 0x3F), 0);
        if (consent_each_ && use_of(session) == 1) login(session, CKU_CONTEXT_SPECIFIC, more & 7, false);
        sign(session, static_cast<std::uint8_t>(how & 3), more & 8);
    }
}

void Program::verifying(std::uint8_t choice, std::uint8_t how, std::uint8_t more) {
    Session& session = this->session(how);
    std::vector<unsigned char> signature = session.signature.empty() ? std::vector<unsigned char>(256, 1) : session.signature;
    if (more & 1) signature[(more >> 1) % signature.size()] ^= 1;
    const CK_ULONG length = signature.size() - (how & 32 ? 1 : 0), size = text_sizes[(how >> 2) & 7];
    switch (choice) {
    case 21: {
        Mechanism mechanism(how, more & 0x1F);
        C_VerifyInit(session.handle, more & 32 ? nullptr : &mechanism.value, key(session, (more >> 6) + 1));
        break;
    }
    case 22: C_Verify(session.handle, text, size, how & 64 ? nullptr : signature.data(), length); break;
    default:
        if (how & 128) C_VerifyUpdate(session.handle, more & 2 ? nullptr : text, size);
        else C_VerifyFinal(session.handle, how & 64 ? nullptr : signature.data(), length);
    }
}

void Program::wait(std::uint8_t how) {
    CK_SLOT_ID slot = 0;
    const bool blocks = how & 1;
    if (blocks) world_.prepare_wait(how & 2);
    C_WaitForSlotEvent(blocks ? 0 : CKF_DONT_BLOCK, how & 4 ? nullptr : &slot, how & 8 ? &slot : nullptr);
    if (blocks) world_.end_wait();
}

void Program::others(std::uint8_t choice, std::uint8_t how, std::uint8_t more) {
    Session& session = this->session(how);
    switch (choice) {
    case 24: return wait(how);
    case 25:
        world_.before_finalize();
        C_Finalize(how & 128 ? text : nullptr);
        initialize(more);
        break;
    case 26: {
        CK_MECHANISM digest = {more & 1 ? CKM_SHA_1 : more & 2 ? CKM_SHA384 : CKM_SHA256, nullptr, more & 4 ? 1u : 0u};
        unsigned char out[64];
        CK_ULONG length = more & 8 ? 3 : sizeof out;
        if (how & 4) C_DigestInit(session.handle, how & 8 ? nullptr : &digest);
        if (how & 16) C_DigestUpdate(session.handle, text, 3);
        if (how & 32) C_Digest(session.handle, text, sizeof text, more & 16 ? nullptr : out, &length);
        if (how & 64) C_DigestFinal(session.handle, more & 16 ? nullptr : out, &length);
        if (how & 128) must(C_DigestKey(session.handle, 1) != CKR_OK);
        break;
    }
    default: {
        CK_FUNCTION_LIST* functions = nullptr;
        CK_INFO information;
        CK_INTERFACE* interface = nullptr;
        if (how & 4) C_SessionCancel(session.handle, static_cast<CK_FLAGS>(more) << 4);
        if (how & 8) C_GetFunctionList(more & 1 ? nullptr : &functions);
        if (how & 16) C_GetInfo(more & 2 ? nullptr : &information);
        if (how & 32 && C_GetInterface(nullptr, nullptr, &interface, 0) == CKR_OK)
            static_cast<CK_FUNCTION_LIST_3_0*>(interface->pFunctionList)->C_GetInfo(&information);
        if (how & 64)
            must(C_GenerateRandom(session.handle, text, more) != CKR_OK && C_SeedRandom(session.handle, text, more) != CKR_OK);
        if (how & 128) call_refused(session.handle);
    }
    }
}

}  // namespace jpki::fuzz
