// Functions that this token does not support: no objects to create or change, no encryption, no random
// numbers. Before and after C_Initialize they return the same codes as every other function.
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

namespace {

CK_RV not_supported() {
    return guarded([] {
        Runtime::get();
        throw Error{CKR_FUNCTION_NOT_SUPPORTED};
    });
}

// Legacy of parallel sessions (PKCS#11 2.40, 5.19): they "should simply return" this code, for any session.
CK_RV not_parallel() {
    return guarded([] {
        Runtime::get();
        throw Error{CKR_FUNCTION_NOT_PARALLEL};
    });
}

// The card's random numbers are slow, and a host that can use them does so at every insertion (module/README.md,
// random).
CK_RV no_random(CK_SESSION_HANDLE session, const CK_BYTE* data, CK_ULONG length) {
    return guarded([&] {
        Runtime::get()->sessions.get(session);
        caller_bytes(data, length);
        throw Error{CKR_RANDOM_NO_RNG};
    });
}

}  // namespace

extern "C" {

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE) { return not_parallel(); }
CK_RV C_CancelFunction(CK_SESSION_HANDLE) { return not_parallel(); }
CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE* seed, CK_ULONG length) { return no_random(session, seed, length); }
CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG length) { return no_random(session, data, length); }

CK_RV C_GetOperationState(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_SetOperationState(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_CreateObject(CK_SESSION_HANDLE, CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*) { return not_supported(); }
CK_RV C_CopyObject(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*) { return not_supported(); }
CK_RV C_DestroyObject(CK_SESSION_HANDLE, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_SetAttributeValue(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE*, CK_ULONG) { return not_supported(); }
CK_RV C_EncryptInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_Encrypt(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_EncryptUpdate(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_EncryptFinal(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_DecryptInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_Decrypt(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_DecryptUpdate(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_DecryptFinal(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_SignRecoverInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_SignRecover(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_VerifyRecover(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_GenerateKey(CK_SESSION_HANDLE, CK_MECHANISM*, CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*) { return not_supported(); }
CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE, CK_MECHANISM*, CK_ATTRIBUTE*, CK_ULONG, CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*,
                        CK_OBJECT_HANDLE*) {
    return not_supported();
}
CK_RV C_WrapKey(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE, CK_BYTE*, CK_ULONG*) {
    return not_supported();
}
CK_RV C_UnwrapKey(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE, CK_BYTE*, CK_ULONG, CK_ATTRIBUTE*, CK_ULONG,
                  CK_OBJECT_HANDLE*) {
    return not_supported();
}
CK_RV C_DeriveKey(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE, CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*) {
    return not_supported();
}
CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_EncryptMessage(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) {
    return not_supported();
}
CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG) { return not_supported(); }
CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*, CK_FLAGS) {
    return not_supported();
}
CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE) { return not_supported(); }
CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_DecryptMessage(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) {
    return not_supported();
}
CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG) { return not_supported(); }
CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*, CK_FLAGS) {
    return not_supported();
}
CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE) { return not_supported(); }
CK_RV C_MessageSignInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_SignMessage(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_SignMessageBegin(CK_SESSION_HANDLE, void*, CK_ULONG) { return not_supported(); }
CK_RV C_SignMessageNext(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) { return not_supported(); }
CK_RV C_MessageSignFinal(CK_SESSION_HANDLE) { return not_supported(); }
CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) { return not_supported(); }
CK_RV C_VerifyMessage(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG) { return not_supported(); }
CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE, void*, CK_ULONG) { return not_supported(); }
CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG) { return not_supported(); }
CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE) { return not_supported(); }

}  // extern "C"
