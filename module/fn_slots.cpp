// Slot and token management (PKCS#11 2.40, 5.5), without the PINs.
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

namespace {

struct KeyTexts {
    const char *token_label, *slot_suffix;
};
// ASCII, no colon, stable: token labels end up in URIs and nicknames (module/README.md, labels).
constexpr std::array<KeyTexts, 2> texts = {{
    {"JPKI user authentication", "user authentication"},
    {"JPKI digital signature", "digital signature"},
}};
constexpr const char* manufacturer = "JPKI";
constexpr const char* model = "My Number Card";

// "<key> - <reader>": the key first, since a reader's name may fill the field.
std::string slot_description(const SlotView& slot) {
    return std::string(texts[index_of(slot.use)].slot_suffix) + " - " + slot.reader;
}

}  // namespace

extern "C" {

CK_RV C_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID* list, CK_ULONG* count) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        require(count != nullptr, CKR_ARGUMENTS_BAD);
        // By requesting the count a caller learns of new readers (PKCS#11 5.5); the list that follows has the same slots.
        // p11-kit never requests the count: its first call looks for readers too.
        runtime->slots.discover(list == nullptr);
        std::vector<CK_SLOT_ID> ids;
        for (const SlotView& slot : runtime->slots.view(token_present != CK_FALSE))
            if (!token_present || slot.token_present) ids.push_back(slot.id);
        if (begin_output(list, count, static_cast<CK_ULONG>(ids.size()))) std::copy(ids.begin(), ids.end(), list);
    });
}

// In what follows, errors of slot and token come before those of arguments (PKCS#11 2.40, 5.1.3 and 5.1.4).

CK_RV C_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO* info) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const SlotView slot = runtime->slots.view(id, info != nullptr);
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        put_blank_padded(info->slotDescription, slot_description(slot));
        put_blank_padded(info->manufacturerID, manufacturer);
        info->flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT | (slot.token_present ? CKF_TOKEN_PRESENT : 0);
        info->hardwareVersion = {0, 0};
        info->firmwareVersion = {0, 0};
    });
}

CK_RV C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO* info) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto insertion = runtime->slots.insertion(id, info != nullptr);
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        Token& token = insertion->token(runtime->slots.use_of(id));
        const Token::Overview overview = token.overview();
        const SessionTable::Counts sessions = runtime->sessions.count(id);
        const KeyFacts& facts = facts_of(token.use());

        put_blank_padded(info->label, texts[index_of(token.use())].token_label);
        put_blank_padded(info->manufacturerID, manufacturer);
        put_blank_padded(info->model, model);
        put_blank_padded(info->serialNumber, overview.serial_number);
        info->flags = CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED | overview.pin_flags;
        info->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
        info->ulSessionCount = sessions.all;
        info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
        info->ulRwSessionCount = sessions.read_write;
        info->ulMaxPinLen = facts.pin_max;
        info->ulMinPinLen = facts.pin_min;
        info->ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION;
        info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
        info->ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION;
        info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
        info->hardwareVersion = {0, 0};
        info->firmwareVersion = {0, 0};
        put_blank_padded(info->utcTime, "");  // no clock
    });
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID* slot, void* reserved) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        require(slot != nullptr && reserved == nullptr, CKR_ARGUMENTS_BAD);
        *slot = runtime->reader_monitor.wait(!(flags & CKF_DONT_BLOCK));
    });
}

CK_RV C_GetMechanismList(CK_SLOT_ID id, CK_MECHANISM_TYPE* list, CK_ULONG* count) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto insertion = runtime->slots.insertion(id);
        require(count != nullptr, CKR_ARGUMENTS_BAD);
        auto types = insertion->token(runtime->slots.use_of(id)).mechanisms();
        for (const DigestFacts& digest : all_digests()) types.push_back(digest.type);
        if (begin_output(list, count, static_cast<CK_ULONG>(types.size()))) std::copy(types.begin(), types.end(), list);
    });
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        const auto insertion = runtime->slots.insertion(id);
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        require(find_digest(type) || insertion->token(runtime->slots.use_of(id)).lists(type), CKR_MECHANISM_INVALID);
        *info = mechanism_info(type);
    });
}

CK_RV C_InitToken(CK_SLOT_ID id, CK_UTF8CHAR*, CK_ULONG, CK_UTF8CHAR* label) {
    return guarded([&] {
        const auto runtime = Runtime::get();
        runtime->slots.view(id, false);
        require(label != nullptr, CKR_ARGUMENTS_BAD);
        // The token has no security officer; the office issues the card.
        throw Error{CKR_FUNCTION_NOT_SUPPORTED};
    });
}

}  // extern "C"
