// OpenSSL without the host's configuration: ENGINEs and providers that a host has set up for its own OpenSSL are never used.
//
// A library context of our own is not enough for that. OpenSSL 3.0 uses the host's default ENGINE whenever an RSA or EC
// key is made, EVP_PKEY_fromdata(3) and providers' keys included (rsa_new_intern), whenever an EVP_PKEY_CTX is made
// (int_ctx_new), and whenever a digest begins, fetched ones included (evp_md_init_internal). An ENGINE may be a PKCS#11
// module's, even this one's, may receive the PIN that is hashed, and is freed by OPENSSL_cleanup(3). So hashes are computed
// by the default provider's own functions (provider-digest(7)), and signatures are verified with OpenSSL's numbers and
// curves (signature_check.hpp).
#pragma once

#include "apdu/bytes.hpp"

#include <array>
#include <memory>
#include <openssl/types.h>

namespace jpki {

enum class Hash { sha256, sha384, sha512 };
inline constexpr std::size_t hash_kinds = 3;
inline constexpr std::array<Hash, hash_kinds> all_hashes = {Hash::sha256, Hash::sha384, Hash::sha512};

// The size of a hash value in bytes: 32, 48 or 64.
constexpr std::size_t size_of(Hash hash) noexcept { return hash == Hash::sha256 ? 32 : hash == Hash::sha384 ? 48 : 64; }

class CryptoContext {
public:
    // Throws std::bad_alloc if OpenSSL returns no context, std::runtime_error if it has no default provider.
    CryptoContext();
    ~CryptoContext();
    CryptoContext(const CryptoContext&) = delete;
    CryptoContext& operator=(const CryptoContext&) = delete;

    OSSL_LIB_CTX* library() const noexcept { return library_.get(); }

    // A hash in progress (FIPS 180-4). Must not outlive its context. Throws std::bad_alloc, and std::runtime_error if the
    // provider fails. Its state is wiped at its end.
    class Digest {
    public:
        Digest(const CryptoContext& context, Hash hash);
        ~Digest();
        Digest(Digest&& other) noexcept;
        Digest(const Digest&) = delete;
        Digest& operator=(const Digest&) = delete;
        Digest& operator=(Digest&&) = delete;

        Digest& update(ByteView data);
        // The hash value, size_of(hash) bytes. Call it once; no data can be added afterwards.
        Bytes finish();

    private:
        const CryptoContext& context_;
        Hash hash_;
        void* state_;
    };
    Bytes hash(Hash hash, ByteView data) const { return Digest(*this, hash).update(data).finish(); }

    // HMAC-SHA-256 (RFC 2104). `key` at most 64 bytes, the block size of SHA-256; throws std::invalid_argument for more.
    std::array<std::uint8_t, 32> hmac_sha256(ByteView key, ByteView data) const;

private:
    struct Functions;  // the provider's, one for each hash
    struct FreeLibrary {
        void operator()(OSSL_LIB_CTX* library) const noexcept;
    };

    std::unique_ptr<OSSL_LIB_CTX, FreeLibrary> library_;
    OSSL_PROVIDER* provider_ = nullptr;
    std::unique_ptr<Functions[]> functions_;
};

}  // namespace jpki
