// Sequences of C_* calls with arbitrary arguments, on a correct card: no crash, no write beyond a buffer, and tries
// of the card are spent only by wrong PINs of the right form.
#include "module/pkcs11.hpp"

#include "hostile_pcsc.hpp"
#include "input.hpp"
#include "must.hpp"
#include "test_pki.hpp"
#include "threads.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

using jpki::fuzz::Input;
using jpki::fuzz::must;
using namespace jpki::model;

namespace {

// Valid handles, and sometimes an invalid one.
struct Handles {
    std::vector<CK_ULONG> known = {0};
    CK_ULONG pick(Input& input) {
        const auto n = input.byte();
        return n == 0xFF ? input.word() : known[n % known.size()];
    }
};

// A buffer of the claimed size, on the heap, so that the sanitizer detects one byte too many.
struct Buffer {
    explicit Buffer(Input& input) {
        const auto size = input.byte();
        null = size == 0;
        memory.resize(size == 0xFF ? 4096 : size);
        length = memory.size();
    }
    unsigned char* data() { return null ? nullptr : memory.data(); }
    bool null;
    std::vector<unsigned char> memory;
    CK_ULONG length;
};

constexpr CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS,
                                       CKA_TOKEN,
                                       CKA_PRIVATE,
                                       CKA_LABEL,
                                       CKA_VALUE,
                                       CKA_ID,
                                       CKA_SUBJECT,
                                       CKA_MODULUS,
                                       CKA_SIGN,
                                       CKA_PUBLIC_EXPONENT,
                                       CKA_ALLOWED_MECHANISMS,
                                       CKA_PRIVATE_EXPONENT,
                                       CKA_SERIAL_NUMBER,
                                       CKA_END_DATE,
                                       0xDEAD};
constexpr CK_MECHANISM_TYPE mechanism_types[] = {CKM_RSA_PKCS,     CKM_SHA256_RSA_PKCS,     CKM_SHA512_RSA_PKCS,
                                                 CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS, CKM_RSA_X_509};

struct Attributes {
    explicit Attributes(Input& input) {
        const std::size_t count = input.byte() % 6u;
        buffers.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            buffers.emplace_back(input);
            const auto type = types[input.byte() % std::size(types)];
            const auto bytes = input.bytes(std::min<std::size_t>(buffers.back().memory.size(), 16));
            std::copy(bytes.begin(), bytes.end(), buffers.back().memory.begin());
            list.push_back({type, buffers.back().data(), buffers.back().length});
        }
    }
    std::vector<Buffer> buffers;
    std::vector<CK_ATTRIBUTE> list;
};

std::vector<std::uint8_t> pin_from(Input& input) {
    switch (input.byte() % 4) {
    case 0: return {'1', '2', '3', '4'};
    case 1: return {'A', 'B', 'C', '1', '2', '3'};
    default: return input.bytes(input.byte() % 20);
    }
}

// Events at the reader, functions of PKCS#11 3.0, and functions that this token only refuses.
void seldom_used(Input& input, CK_ULONG session, Handles& objects, std::size_t& pins_given) {
    CK_ULONG count = 0;
    switch (input.byte() % 18) {
    case 0: jpki::fuzz::bump_events(); break;
    case 1: jpki::fuzz::set_service(input.byte() & 1); break;
    case 2: C_SessionCancel(session, input.word()); break;
    case 3: {
        Buffer out(input);
        C_VerifyFinal(session, out.data(), out.length);
        break;
    }
    case 4: {
        std::vector<CK_MECHANISM_TYPE> list(input.byte() % 8);
        count = list.size();
        if (C_GetMechanismList(input.byte() % 3, list.empty() ? nullptr : list.data(), &count) == CKR_OK)
            must(list.empty() || count <= list.size());
        break;
    }
    case 5: {
        CK_MECHANISM_INFO info;
        C_GetMechanismInfo(input.byte() % 3, mechanism_types[input.byte() % std::size(mechanism_types)],
                           input.byte() == 1 ? nullptr : &info);
        break;
    }
    case 6: {
        auto pin = pin_from(input);
        auto name = input.bytes(input.byte() % 4);
        ++pins_given;
        C_LoginUser(session, input.byte() % 4, input.byte() == 1 ? nullptr : pin.data(), pin.size(), name.data(), name.size());
        break;
    }
    case 7: {
        CK_INTERFACE list[3];
        count = input.byte() % 4;
        if (C_GetInterfaceList(input.byte() & 1 ? list : nullptr, &count) == CKR_OK) must(count <= 3);
        break;
    }
    case 8: {
        std::vector<unsigned char> name = {'P', 'K', 'C', 'S', ' ', '1', '1', 0};
        name[input.byte() % 7] ^= input.byte();
        CK_VERSION version = {input.byte(), input.byte()};
        CK_INTERFACE* interface = nullptr;
        const bool any_name = input.byte() & 1, any_version = input.byte() & 1;
        const bool found = C_GetInterface(any_name ? nullptr : name.data(), any_version ? nullptr : &version, &interface,
                                          input.byte()) == CKR_OK;
        must(found == (interface != nullptr));
        break;
    }
    case 9: C_GetObjectSize(session, objects.pick(input), &count); break;
    case 10: {
        Buffer out(input);
        must(C_GenerateRandom(session, out.data(), out.length) != CKR_OK);
        must(C_SeedRandom(session, out.data(), out.length) != CKR_OK);
        break;
    }
    case 11: {
        Buffer state(input);
        must(C_GetOperationState(session, state.data(), &state.length) != CKR_OK);
        must(C_SetOperationState(session, state.data(), state.length, objects.pick(input), objects.pick(input)) != CKR_OK);
        break;
    }
    case 12: {
        auto pin = pin_from(input);
        must(C_InitPIN(session, pin.data(), pin.size()) != CKR_OK);
        unsigned char label[32] = {};
        must(C_InitToken(input.byte() % 3, pin.data(), pin.size(), label) != CKR_OK);
        break;
    }
    case 13: {
        Attributes attributes(input);
        const CK_ULONG object = objects.pick(input);
        must(C_SetAttributeValue(session, object, attributes.list.data(), attributes.list.size()) != CKR_OK);
        must(C_CreateObject(session, attributes.list.data(), attributes.list.size(), &count) != CKR_OK);
        must(C_DestroyObject(session, object) != CKR_OK);
        break;
    }
    case 14: jpki::fuzz::reset_card(); break;
    case 15: {
        constexpr CK_MECHANISM_TYPE digests[] = {CKM_SHA256, CKM_SHA384, CKM_SHA512, CKM_SHA_1};
        CK_MECHANISM mechanism = {digests[input.byte() % std::size(digests)], nullptr, 0};
        C_DigestInit(session, input.byte() == 0 ? nullptr : &mechanism);
        break;
    }
    case 16: {
        Buffer data(input), out(input);
        const CK_ULONG room = out.length;
        CK_RV rv = CKR_GENERAL_ERROR;
        switch (input.byte() % 4) {
        case 0: rv = C_Digest(session, data.data(), data.length, out.data(), &out.length); break;
        case 1: C_DigestUpdate(session, data.data(), data.length); break;
        case 2: rv = C_DigestFinal(session, out.data(), &out.length); break;
        default: must(C_DigestKey(session, objects.pick(input)) != CKR_OK); break;
        }
        if (rv == CKR_OK && out.data()) must(out.length <= room);
        break;
    }
    default: {
        Buffer data(input), out(input);
        must(C_GetFunctionStatus(session) != CKR_OK);
        must(C_Decrypt(session, data.data(), data.length, out.data(), &out.length) != CKR_OK);
        must(C_SignRecover(session, data.data(), data.length, out.data(), &out.length) != CKR_OK);
        break;
    }
    }
}

void one_call(Input& input, Handles& sessions, Handles& objects, std::size_t& pins_given) {
    const CK_ULONG session = sessions.pick(input);
    CK_ULONG count = 0;
    switch (input.byte() % 26) {
    case 0: C_Initialize(nullptr); break;
    case 1: C_Finalize(input.byte() == 7 ? &count : nullptr); break;
    case 2: {
        CK_INFO info;
        C_GetInfo(input.byte() == 0 ? nullptr : &info);
        break;
    }
    case 3: {
        CK_SLOT_ID list[4];
        count = input.byte() % 5;
        C_GetSlotList(input.byte() & 1, input.byte() & 1 ? list : nullptr, &count);
        break;
    }
    case 4: {
        CK_SLOT_INFO info;
        C_GetSlotInfo(input.byte() % 4, &info);
        break;
    }
    case 5: {
        CK_TOKEN_INFO info;
        C_GetTokenInfo(input.byte() % 4, &info);
        break;
    }
    case 6: {
        CK_SESSION_HANDLE fresh = 0;
        if (C_OpenSession(input.byte() % 3, CKF_SERIAL_SESSION | (input.byte() & 1 ? CKF_RW_SESSION : 0), nullptr, nullptr,
                          &fresh) == CKR_OK)
            sessions.known.push_back(fresh);
        break;
    }
    case 7: C_CloseSession(session); break;
    case 8: C_CloseAllSessions(input.byte() % 3); break;
    case 9: {
        CK_SESSION_INFO info;
        C_GetSessionInfo(session, &info);
        break;
    }
    case 10: {
        auto pin = pin_from(input);
        ++pins_given;
        C_Login(session, input.byte() % 4, input.byte() == 1 ? nullptr : pin.data(), pin.size());
        break;
    }
    case 11: C_Logout(session); break;
    case 12: {
        auto old_pin = pin_from(input);
        auto new_pin = pin_from(input);
        ++pins_given;
        C_SetPIN(session, old_pin.data(), old_pin.size(), new_pin.data(), new_pin.size());
        break;
    }
    case 13: {
        Attributes attributes(input);
        C_FindObjectsInit(session, attributes.list.data(), attributes.list.size());
        break;
    }
    case 14: {
        std::vector<CK_OBJECT_HANDLE> found(input.byte() % 8);
        if (C_FindObjects(session, found.data(), found.size(), &count) == CKR_OK) {
            must(count <= found.size());
            objects.known.insert(objects.known.end(), found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count));
        }
        break;
    }
    case 15: C_FindObjectsFinal(session); break;
    case 16: {
        Attributes attributes(input);
        C_GetAttributeValue(session, objects.pick(input), attributes.list.data(), attributes.list.size());
        for (std::size_t i = 0; i < attributes.list.size(); ++i)
            must(attributes.list[i].ulValueLen == CK_UNAVAILABLE_INFORMATION || !attributes.list[i].pValue ||
                 attributes.list[i].ulValueLen <= attributes.buffers[i].length);
        break;
    }
    case 17:
    case 18: {
        CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, input.byte() == 0 ? 20u : 32u};
        CK_MECHANISM mechanism = {mechanism_types[input.byte() % std::size(mechanism_types)], nullptr, 0};
        if (input.byte() & 1) {
            mechanism.pParameter = &pss;
            mechanism.ulParameterLen = sizeof pss - (input.byte() == 0);
        }
        CK_MECHANISM* const given = input.byte() == 0 ? nullptr : &mechanism;
        if (input.byte() & 1) C_SignInit(session, given, objects.pick(input));
        else C_VerifyInit(session, given, objects.pick(input));
        break;
    }
    case 19: {
        Buffer data(input);
        Buffer out(input);
        C_Sign(session, data.data(), data.length, out.data(), &out.length);
        break;
    }
    case 20: {
        Buffer data(input);
        C_SignUpdate(session, data.data(), data.length);
        break;
    }
    case 21: {
        Buffer out(input);
        C_SignFinal(session, out.data(), &out.length);
        break;
    }
    case 22: {
        Buffer data(input);
        Buffer signature(input);
        C_Verify(session, data.data(), data.length, signature.data(), signature.length);
        break;
    }
    case 23: {
        Buffer data(input);
        C_VerifyUpdate(session, data.data(), data.length);
        break;
    }
    case 24: {
        CK_SLOT_ID slot = 0;
        C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr);
        break;
    }
    case 25: seldom_used(input, session, objects, pins_given); break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jpki::fuzz::threads_of_fuzzer();
    ::setenv("JPKI_PKCS11_CONFIG", "/dev/null/none", 1);
    Input input(data, size);
    ::setenv("JPKI_PKCS11_CONSENT", input.byte() & 1 ? "each" : "login", 1);
    const auto card = std::make_shared<CardModel>(TestPki::shared());
    jpki::fuzz::put_card(card, [](Bytes answer) { return answer; });
    Handles sessions;
    Handles objects;
    std::size_t pins_given = 0;
    C_Initialize(nullptr);
    for (int i = 0; i < 200 && !input.empty(); ++i) one_call(input, sessions, objects, pins_given);
    C_Finalize(nullptr);
    must(card->counts().verify[0] + card->counts().verify[1] <= pins_given);  // at most one VERIFY per call
    must(!card->verified(KeyUse::authentication) && !card->verified(KeyUse::signature));
    must(jpki::fuzz::threads_have_ended());
    return 0;
}
