// The module's computations: hashes, DigestInfo, and checks of signatures, with apdu's CryptoContext.
#pragma once

#include "apdu/certificate.hpp"
#include "apdu/crypto_context.hpp"
#include "apdu/signature_check.hpp"

#include <array>
#include <memory>

namespace jpki {

class Crypto {
public:
    // Throws std::bad_alloc if OpenSSL returns no context, std::runtime_error if it or the system cannot be used.
    Crypto();
    ~Crypto();
    Crypto(const Crypto&) = delete;
    Crypto& operator=(const Crypto&) = delete;

    // Whether `certificate` is signed with the key of `issuer`, byte for byte (signature_check.hpp).
    bool issued_by(const Certificate& certificate, const Certificate& issuer) const;

    std::array<std::uint8_t, 32> sha256(ByteView data) const;
    // RFC 2104. Throws std::runtime_error if OpenSSL fails.
    void hmac_sha256(ByteView key, ByteView data, std::array<std::uint8_t, 32>& mac) const;

    // Whether `signature` is one of that scheme by `key` over the result of its encode().
    bool verify(const SignatureScheme& scheme, const PublicKey& key, ByteView encoded, ByteView signature) const;

    // A hash in progress. Throws std::runtime_error if OpenSSL fails.
    class Digest {
    public:
        Digest(const Crypto& crypto, Hash hash) : digest_(*crypto.context_, hash) {}
        void update(ByteView data) { digest_.update(data); }
        Bytes finish() { return digest_.finish(); }

    private:
        CryptoContext::Digest digest_;
    };

private:
    std::unique_ptr<CryptoContext> context_;
};

}  // namespace jpki
