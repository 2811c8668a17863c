// Verifying (PKCS#11 2.40, 5.15): in software, with the public key of the card's certificate.
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

extern "C" {

CK_RV C_VerifyInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    return in_session(handle, [&](Runtime& runtime, Session& session, Operations& operations) {
        if (mechanism == nullptr && operations.verify) {
            operations.verify.reset();
            return;
        }
        const MechanismFacts& facts = take_mechanism(mechanism);
        require(operations.verify == nullptr, CKR_OPERATION_ACTIVE);
        session.token.require_key(key, ObjectKind::public_key, facts.scheme);
        auto certificate = session.token.certificate();
        require(certificate != nullptr, CKR_KEY_HANDLE_INVALID);
        operations.verify = std::make_unique<VerifyOperation>(runtime.services.crypto, facts, std::move(certificate));
    });
}

CK_RV C_Verify(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG data_length, unsigned char* signature,
               CK_ULONG signature_length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        require(operations.verify != nullptr, CKR_OPERATION_NOT_INITIALIZED);
        const auto operation = std::move(operations.verify);
        require(!operation->input.in_parts(), CKR_OPERATION_NOT_INITIALIZED);
        require(signature != nullptr, CKR_ARGUMENTS_BAD);
        operation->input.update(caller_bytes(data, data_length));
        operation->verify(caller_bytes(signature, signature_length));
    });
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE handle, unsigned char* part, CK_ULONG length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        require(operations.verify != nullptr, CKR_OPERATION_NOT_INITIALIZED);
        auto operation = std::move(operations.verify);  // put back only after success
        operation->input.set_in_parts();
        operation->input.update(caller_bytes(part, length));
        operations.verify = std::move(operation);
    });
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE handle, unsigned char* signature, CK_ULONG signature_length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        require(operations.verify != nullptr, CKR_OPERATION_NOT_INITIALIZED);
        const auto operation = std::move(operations.verify);
        require(signature != nullptr, CKR_ARGUMENTS_BAD);
        operation->verify(caller_bytes(signature, signature_length));
    });
}

}  // extern "C"
