// Active operations of a session: a search, a hash, a signature, a verification. A finished operation is removed.
#pragma once

#include "module/token.hpp"

#include <memory>
#include <optional>

namespace jpki {

// C_FindObjectsInit to C_FindObjectsFinal. Objects are evaluated when the caller fetches them.
struct Search {
    Template wanted;
    std::size_t next = 0;
    bool found_any = false;
};

// C_DigestInit to C_Digest or C_DigestFinal: in software.
struct DigestOperation {
    Crypto::Digest digest;
    CK_ULONG size;  // of the hash, in bytes
    bool in_parts = false;
};

// The data of C_Sign or C_Verify before padding: hashed, or kept unchanged.
class Input {
public:
    Input(const Crypto& crypto, const MechanismFacts& mechanism);
    // Throws CKR_DATA_LEN_RANGE as soon as the data exceeds the mechanism's maximum.
    void update(ByteView data);
    // The data that the card signs (SignatureScheme::encode). Throws CKR_DATA_LEN_RANGE. Only once.
    Bytes finish();
    const SignatureScheme& scheme() const noexcept { return mechanism_.scheme; }
    bool in_parts() const noexcept { return in_parts_; }
    void set_in_parts() noexcept { in_parts_ = true; }

private:
    const MechanismFacts& mechanism_;
    std::optional<Crypto::Digest> digest_;
    Bytes data_;
    bool in_parts_ = false;
};

// C_SignInit to C_Sign or C_SignFinal. If each signature needs consent, the consent ends with the operation, however
// the operation ends: the card's security status is reset.
class SignOperation {
public:
    SignOperation(const Crypto& crypto, const MechanismFacts& mechanism, Token& token, CK_SESSION_HANDLE session)
        : input(crypto, mechanism), token_(token), session_(session) {}
    ~SignOperation() { token_.end_consent(session_); }
    SignOperation(const SignOperation&) = delete;
    SignOperation& operator=(const SignOperation&) = delete;

    // C_Login(CKU_CONTEXT_SPECIFIC).
    void consent(const unsigned char* pin, CK_ULONG length);
    Bytes sign();

    Input input;

private:
    Token& token_;
    CK_SESSION_HANDLE session_;
};

// C_VerifyInit to C_Verify or C_VerifyFinal: in software, with the public key of the certificate.
class VerifyOperation {
public:
    VerifyOperation(const Crypto& crypto, const MechanismFacts& mechanism, std::shared_ptr<const Certificate> certificate)
        : input(crypto, mechanism), crypto_(crypto), certificate_(std::move(certificate)) {}

    // Throws CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID.
    void verify(ByteView signature);

    Input input;

private:
    const Crypto& crypto_;
    std::shared_ptr<const Certificate> certificate_;
};

// Runs `f` on a session's operation. An error ends the operation (PKCS#11 5.2), except for a buffer that is too small.
template <class Operation, class F> void with_operation(std::unique_ptr<Operation>& operation, F&& f) {
    require(operation != nullptr, CKR_OPERATION_NOT_INITIALIZED);
    try {
        f(*operation);
    } catch (const Error& error) {
        if (error.rv != CKR_BUFFER_TOO_SMALL) operation.reset();
        throw;
    } catch (...) {
        operation.reset();
        throw;
    }
}

}  // namespace jpki
