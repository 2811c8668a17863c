// Hashing (PKCS#11 2.40, 5.10): in software, without commands to the card.
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

namespace {

void give_digest(std::unique_ptr<DigestOperation>& operation, unsigned char* out) {
    const std::unique_ptr<DigestOperation> mine = std::move(operation);
    const Bytes digest = mine->digest.finish();
    std::copy(digest.begin(), digest.end(), out);
}

}  // namespace

extern "C" {

CK_RV C_DigestInit(CK_SESSION_HANDLE handle, CK_MECHANISM* mechanism) {
    return in_session(handle, [&](Runtime& runtime, Session&, Operations& operations) {
        if (mechanism == nullptr && operations.digest) {
            operations.digest.reset();  // PKCS#11 3.0, 5.2: a NULL mechanism ends the operation
            return;
        }
        const DigestFacts& facts = take_digest(mechanism);
        require(operations.digest == nullptr, CKR_OPERATION_ACTIVE);
        operations.digest = std::make_unique<DigestOperation>(DigestOperation{{runtime.services.crypto, facts.hash}, facts.size});
    });
}

CK_RV C_Digest(CK_SESSION_HANDLE handle, unsigned char* data, CK_ULONG data_length, unsigned char* digest,
               CK_ULONG* digest_length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        with_operation(operations.digest, [&](DigestOperation& operation) {
            require(!operation.in_parts, CKR_OPERATION_NOT_INITIALIZED);
            const ByteView view = caller_bytes(data, data_length);
            if (!begin_output(digest, digest_length, operation.size)) return;
            operation.digest.update(view);
            give_digest(operations.digest, digest);
        });
    });
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE handle, unsigned char* part, CK_ULONG length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        with_operation(operations.digest, [&](DigestOperation& operation) {
            operation.in_parts = true;
            operation.digest.update(caller_bytes(part, length));
        });
    });
}

CK_RV C_DigestKey(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE key) {
    return in_session(handle, [&](Runtime&, Session& session, Operations& operations) {
        with_operation(operations.digest, [&](DigestOperation&) {
            session.token.require_some_key(key);
            throw Error{CKR_KEY_INDIGESTIBLE};  // there is no secret key whose value could be hashed
        });
    });
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE handle, unsigned char* digest, CK_ULONG* digest_length) {
    return in_session(handle, [&](Runtime&, Session&, Operations& operations) {
        with_operation(operations.digest, [&](DigestOperation& operation) {
            if (!begin_output(digest, digest_length, operation.size)) return;
            give_digest(operations.digest, digest);
        });
    });
}

}  // extern "C"
