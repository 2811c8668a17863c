#include "module/crypto.hpp"

#include "apdu/signature_check.hpp"

#include <algorithm>
#include <openssl/crypto.h>

namespace jpki {

Crypto::Crypto() {
    // The host initialises OpenSSL's global state: the first flags count for the whole process, and with
    // OPENSSL_INIT_NO_ATEXIT none of the host's OPENSSL_atexit handlers ran. So OPENSSL_cleanup may come before C_Finalize; a
    // library context of our own can be freed after it.
    context_ = std::make_unique<CryptoContext>();
}

Crypto::~Crypto() = default;

bool Crypto::issued_by(const Certificate& certificate, const Certificate& issuer) const {
    return is_signed_by(*context_, certificate, issuer);
}

std::array<std::uint8_t, 32> Crypto::sha256(ByteView data) const {
    std::array<std::uint8_t, 32> digest{};
    std::ranges::copy(context_->hash(Hash::sha256, data), digest.begin());
    return digest;
}

void Crypto::hmac_sha256(ByteView key, ByteView data, std::array<std::uint8_t, 32>& mac) const {
    mac = context_->hmac_sha256(key, data);
}

bool Crypto::verify(const SignatureScheme& scheme, const PublicKey& key, ByteView encoded, ByteView signature) const {
    return scheme.verify(*context_, key, encoded, signature);
}

}  // namespace jpki
