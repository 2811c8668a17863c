// Signing (PKCS#11 2.40, 5.13).
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

namespace {

void give_signature(std::unique_ptr<SignOperation>& operation, unsigned char* out) {
    // Out of the session first: with any result, this operation cannot be used again.
    const std::unique_ptr<SignOperation> mine = std::move(operation);
    const Bytes signature = mine->sign();
    std::copy(signature.begin(), signature.end(), out);
}

}  // namespace

extern "C" {

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
    return in_session(handle, [&](Runtime& runtime, Session& session, Operations& operations) {
        if (mechanism == nullptr && operations.sign) {
            operations.sign.reset();  // PKCS#11 3.0, 5.2: a NULL mechanism ends the operation
            return;
        }
        const MechanismFacts& facts = take_mechanism(mechanism);
        require(operations.sign == nullptr, CKR_OPERATION_ACTIVE);
        session.token.require_key(key, ObjectKind::private_key, facts.scheme);
        operations.sign = std::make_unique<SignOperation>(runtime.services.crypto, facts, session.token, handle);
    });
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG data_length, unsigned char* signature,
             CK_ULONG* signature_length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        with_operation(operations.sign, [&](SignOperation& operation) {
            require(!operation.input.in_parts(), CKR_OPERATION_NOT_INITIALIZED);
            const ByteView view = caller_bytes(data, data_length);
            if (!begin_output(signature, signature_length, operation.input.scheme().signature_size)) return;
            operation.input.update(view);
            give_signature(operations.sign, signature);
        });
    });
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, unsigned char* part, CK_ULONG length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        with_operation(operations.sign, [&](SignOperation& operation) {
            operation.input.set_in_parts();
            operation.input.update(caller_bytes(part, length));
        });
    });
}

CK_RV C_SignFinal(CK_SESSION_HANDLE handle, unsigned char* signature, CK_ULONG* signature_length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        with_operation(operations.sign, [&](SignOperation& operation) {
            if (!begin_output(signature, signature_length, operation.input.scheme().signature_size)) return;
            give_signature(operations.sign, signature);
        });
    });
}

}  // extern "C"
