// OpenSSL as the module uses it: hashes, DigestInfo, certificates, checks of signatures. Everything lives in a library
// context of our own, since the host process may itself have loaded us through an OpenSSL provider.
#pragma once

#include "apdu/bytes.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

typedef struct evp_pkey_st EVP_PKEY;
typedef struct x509_st X509;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct ossl_lib_ctx_st OSSL_LIB_CTX;

namespace jpki {

enum class Hash { sha256, sha384, sha512 };

// A certificate taken apart once, into the forms that PKCS#11 attributes have. All binary members are DER or big-endian.
struct Certificate {
    Bytes der, subject, issuer;     // names as DER (CKA_SUBJECT, CKA_ISSUER)
    Bytes serial_number;            // DER INTEGER (CKA_SERIAL_NUMBER)
    Bytes public_key_info;          // SubjectPublicKeyInfo (CKA_PUBLIC_KEY_INFO)
    Bytes modulus, public_exponent; // big-endian, no leading zero
    std::string start_date, end_date;  // YYYYMMDD, UTC (CKA_START_DATE, CKA_END_DATE)
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> x509;  // what the rest was taken from
};

class Crypto {
public:
    // Throws std::bad_alloc when OpenSSL gives no context.
    Crypto();
    ~Crypto();
    Crypto(const Crypto&) = delete;
    Crypto& operator=(const Crypto&) = delete;

    // No value for anything that is not exactly one X.509 certificate with an RSA key of 2048 bits, the only kind that the
    // card's sign command serves.
    std::shared_ptr<const Certificate> parse(ByteView der) const;

    // Whether `certificate` is signed with the key of `issuer`, byte for byte as it is here.
    bool issued_by(const Certificate& certificate, const Certificate& issuer) const;

    std::array<std::uint8_t, 32> sha256(ByteView data) const;
    // HMAC-SHA-256 under a random key of this object: comparable within one C_Initialize and worthless outside.
    std::array<std::uint8_t, 32> fingerprint(ByteView data) const;

    // A DER DigestInfo around `digest` (RFC 8017, 9.2).
    static Bytes digest_info(Hash hash, ByteView digest);

    // Whether `signature` is RSASSA-PKCS1-v1_5 over `block` (a DigestInfo, or whatever was padded), or RSASSA-PSS with
    // SHA-256, MGF1-SHA-256 and 32 bytes of salt over `digest`.
    bool verify_pkcs1(const Certificate& certificate, ByteView block, ByteView signature) const;
    bool verify_pss_sha256(const Certificate& certificate, ByteView digest, ByteView signature) const;

    // A hash in progress. Throws std::runtime_error when OpenSSL fails.
    class Digest {
    public:
        Digest(const Crypto& crypto, Hash hash);
        void update(ByteView data);
        Bytes finish();

    private:
        std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
    };

private:
    OSSL_LIB_CTX* context_;
    std::array<std::uint8_t, 32> fingerprint_key_{};
};

}  // namespace jpki
