// Program: functions that this token does not support, without any argument that could help.
#include "must.hpp"
#include "program.hpp"

namespace jpki::fuzz {

namespace {

void refused(CK_RV rv) { must(rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_CRYPTOKI_NOT_INITIALIZED); }

}  // namespace

void Program::call_refused(CK_SESSION_HANDLE session) {
    refused(C_GetOperationState(session, nullptr, nullptr));
    refused(C_SetOperationState(session, nullptr, 0, 1, 1));
    refused(C_CreateObject(session, nullptr, 0, nullptr));
    refused(C_CopyObject(session, 1, nullptr, 0, nullptr));
    refused(C_DestroyObject(session, 1));
    refused(C_SetAttributeValue(session, 1, nullptr, 0));
    refused(C_EncryptInit(session, nullptr, 1));
    refused(C_Encrypt(session, nullptr, 0, nullptr, nullptr));
    refused(C_EncryptUpdate(session, nullptr, 0, nullptr, nullptr));
    refused(C_EncryptFinal(session, nullptr, nullptr));
    refused(C_DecryptInit(session, nullptr, 1));
    refused(C_Decrypt(session, nullptr, 0, nullptr, nullptr));
    refused(C_DecryptUpdate(session, nullptr, 0, nullptr, nullptr));
    refused(C_DecryptFinal(session, nullptr, nullptr));
    refused(C_SignRecoverInit(session, nullptr, 1));
    refused(C_SignRecover(session, nullptr, 0, nullptr, nullptr));
    refused(C_VerifyRecoverInit(session, nullptr, 1));
    refused(C_VerifyRecover(session, nullptr, 0, nullptr, nullptr));
    refused(C_DigestEncryptUpdate(session, nullptr, 0, nullptr, nullptr));
    refused(C_DecryptDigestUpdate(session, nullptr, 0, nullptr, nullptr));
    refused(C_SignEncryptUpdate(session, nullptr, 0, nullptr, nullptr));
    refused(C_DecryptVerifyUpdate(session, nullptr, 0, nullptr, nullptr));
    refused(C_GenerateKey(session, nullptr, nullptr, 0, nullptr));
    refused(C_GenerateKeyPair(session, nullptr, nullptr, 0, nullptr, 0, nullptr, nullptr));
    refused(C_WrapKey(session, nullptr, 1, 1, nullptr, nullptr));
    refused(C_UnwrapKey(session, nullptr, 1, nullptr, 0, nullptr, 0, nullptr));
    refused(C_DeriveKey(session, nullptr, 1, nullptr, 0, nullptr));
    refused(C_MessageEncryptInit(session, nullptr, 1));
    refused(C_EncryptMessage(session, nullptr, 0, nullptr, 0, nullptr, 0, nullptr, nullptr));
    refused(C_EncryptMessageBegin(session, nullptr, 0, nullptr, 0));
    refused(C_EncryptMessageNext(session, nullptr, 0, nullptr, 0, nullptr, nullptr, 0));
    refused(C_MessageEncryptFinal(session));
    refused(C_MessageDecryptInit(session, nullptr, 1));
    refused(C_DecryptMessage(session, nullptr, 0, nullptr, 0, nullptr, 0, nullptr, nullptr));
    refused(C_DecryptMessageBegin(session, nullptr, 0, nullptr, 0));
    refused(C_DecryptMessageNext(session, nullptr, 0, nullptr, 0, nullptr, nullptr, 0));
    refused(C_MessageDecryptFinal(session));
    refused(C_MessageSignInit(session, nullptr, 1));
    refused(C_SignMessage(session, nullptr, 0, nullptr, 0, nullptr, nullptr));
    refused(C_SignMessageBegin(session, nullptr, 0));
    refused(C_SignMessageNext(session, nullptr, 0, nullptr, 0, nullptr, nullptr));
    refused(C_MessageSignFinal(session));
    refused(C_MessageVerifyInit(session, nullptr, 1));
    refused(C_VerifyMessage(session, nullptr, 0, nullptr, 0, nullptr, 0));
    refused(C_VerifyMessageBegin(session, nullptr, 0));
    refused(C_VerifyMessageNext(session, nullptr, 0, nullptr, 0, nullptr, 0));
    refused(C_MessageVerifyFinal(session));
    const CK_RV rv = C_CancelFunction(session);
    must(rv == CKR_FUNCTION_NOT_PARALLEL || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
    must(C_GetFunctionStatus(session) == rv);
}

}  // namespace jpki::fuzz
