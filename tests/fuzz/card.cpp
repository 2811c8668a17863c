// A card that answers anything to any command, under the whole module. Structure-aware: a real card model holds the
// dialogue, and the input says what becomes of each answer. Whatever happens: no crash, no hang, no signature that the
// signature certificate does not verify, and no PIN sent that the caller did not give.
#include "module/pkcs11.hpp"

#include "hostile_pcsc.hpp"
#include "input.hpp"
#include "test_pki.hpp"

#include <cstdlib>
#include <cstring>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string>

using jpki::fuzz::Input;
using namespace jpki::model;

namespace {

Bytes mutate(Bytes answer, Input& input) {
    if (input.empty()) return answer;
    switch (input.byte() % 16) {
    case 8: {  // another status word
        const auto status = input.word();
        return {static_cast<std::uint8_t>(status >> 8), static_cast<std::uint8_t>(status & 0xFF)};
    }
    case 9:  // cut
        answer.resize(answer.size() - std::min<std::size_t>(input.byte(), answer.size()));
        return answer;
    case 10: {  // longer
        const Bytes more = input.bytes(input.byte());
        answer.insert(answer.end(), more.begin(), more.end());
        return answer;
    }
    case 11: {  // flipped
        if (answer.empty()) return answer;
        const std::size_t at = input.word() % answer.size();
        answer[at] ^= static_cast<std::uint8_t>(input.byte() | 1);
        return answer;
    }
    case 12: return input.bytes(input.byte());      // anything
    case 13: {                                       // data of the input's choice, said to be well
        Bytes data = input.bytes(input.word() % 300);
        data.push_back(0x90);
        data.push_back(0x00);
        return data;
    }
    case 14: throw CardModel::CardGone{};
    case 15: {  // overwritten in the middle
        const std::size_t at = answer.empty() ? 0 : input.word() % answer.size();
        const Bytes patch = input.bytes(input.byte() % 32);
        for (std::size_t i = 0; i < patch.size() && at + i < answer.size(); ++i) answer[at + i] = patch[i];
        return answer;
    }
    default: return answer;
    }
}

void must(bool condition) {
    if (!condition) std::abort();
}

bool verifies(EVP_PKEY* key, const unsigned char* text, std::size_t size, const unsigned char* signature, std::size_t length) {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    const bool good = EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key) == 1 &&
                      EVP_DigestVerify(context, signature, length, text, size) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

void use_slot(CK_SLOT_ID slot, const char* pin, const TestPki& pki) {
    CK_TOKEN_INFO token;
    C_GetTokenInfo(slot, &token);
    CK_MECHANISM_TYPE mechanisms[16];
    CK_ULONG count = 16;
    C_GetMechanismList(slot, mechanisms, &count);
    CK_SESSION_HANDLE session = 0;
    if (C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session) != CKR_OK) return;
    std::string copy = pin;
    C_Login(session, CKU_USER, reinterpret_cast<unsigned char*>(copy.data()), copy.size());
    CK_OBJECT_HANDLE objects[16];
    CK_OBJECT_HANDLE key = 0;
    if (C_FindObjectsInit(session, nullptr, 0) == CKR_OK) {
        count = 0;
        C_FindObjects(session, objects, 16, &count);
        C_FindObjectsFinal(session);
        for (CK_ULONG i = 0; i < count; ++i) {
            unsigned char value[9000];
            CK_OBJECT_CLASS object_class = 0;
            CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_VALUE, value, sizeof value},
                                         {CKA_MODULUS, value, sizeof value}};
            C_GetAttributeValue(session, objects[i], attributes, 3);
            if (object_class == CKO_PRIVATE_KEY) key = objects[i];
        }
    }
    for (int i = 0; i < 2; ++i) {
        CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
        unsigned char text[] = "text";
        unsigned char signature[256];
        CK_ULONG length = sizeof signature;
        if (C_SignInit(session, &mechanism, key) == CKR_OK && C_Sign(session, text, 4, signature, &length) == CKR_OK && slot == 1) {
            // The only key that can come out of a certificate of this size and verify is the card's own: an input that makes
            // another RSA certificate and a signature to match would have broken more than this module.
            must(length == 256 && verifies(pki.signature_key, text, 4, signature, length));
        }
    }
    std::string fresh = slot == 0 ? "4321" : "XYZ789";
    C_SetPIN(session, reinterpret_cast<unsigned char*>(copy.data()), copy.size(), reinterpret_cast<unsigned char*>(fresh.data()), fresh.size());
    C_Logout(session);
    C_CloseSession(session);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Initialised once: an OpenSSL library context for each input would take most of the time. Each input is another stay of
    // another card in the same reader, which is part of what is tried here.
    static const bool prepared = [] {
        ::setenv("JPKI_PKCS11_CONFIG", "/dev/null/none", 1);
        return C_Initialize(nullptr) == CKR_OK;
    }();
    must(prepared);
    Input input(data, size);
    Knobs knobs;
    const auto choice = input.byte();
    knobs.short_forms = !(choice & 1);
    knobs.has_existence_file = !(choice & 2);
    knobs.sfi_read_sets_current_file = !(choice & 4);
    knobs.phone = choice & 8;
    knobs.answers_61xx = choice & 16;
    knobs.answers_6cxx = choice & 32;
    const auto card = std::make_shared<CardModel>(TestPki::shared(), knobs);
    jpki::fuzz::put_card(card, [&input](Bytes answer) { return mutate(std::move(answer), input); });
    CK_ULONG count = 0;
    C_GetSlotList(CK_TRUE, nullptr, &count);
    use_slot(0, "1234", card->pki());
    use_slot(1, "ABC123", card->pki());
    for (CK_SLOT_ID slot = 0; slot < 2; ++slot) must(C_CloseAllSessions(slot) == CKR_OK);
    // Only right PINs were given: whatever the answers looked like, the card counts no wrong one.
    must(card->counts().wrong[0] == 0 && card->counts().wrong[1] == 0);
    must(card->counts().verify[0] <= 3 && card->counts().verify[1] <= 3);
    return 0;
}
