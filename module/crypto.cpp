#include "module/crypto.hpp"

#include <ctime>
#include <new>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdexcept>
#include <unistd.h>

namespace jpki {

namespace {

// OpenSSL's error queue is per thread and belongs to the host: what we put there is taken away again.
struct ErrorMark {
    ErrorMark() { ERR_set_mark(); }
    ~ErrorMark() { ERR_pop_to_mark(); }
};

const char* name_of(Hash hash) {
    switch (hash) {
    case Hash::sha256: return "SHA256";
    case Hash::sha384: return "SHA384";
    case Hash::sha512: return "SHA512";
    }
    return "";
}

int nid_of(Hash hash) {
    switch (hash) {
    case Hash::sha256: return NID_sha256;
    case Hash::sha384: return NID_sha384;
    case Hash::sha512: return NID_sha512;
    }
    return NID_undef;
}

// DER of anything that has an i2d function.
template <class T> Bytes der_of(const T* object, int (*i2d)(const T*, unsigned char**)) {
    unsigned char* out = nullptr;
    const int size = object ? i2d(object, &out) : -1;
    Bytes bytes;
    if (size > 0) bytes.assign(out, out + size);
    OPENSSL_free(out);
    return bytes;
}

Bytes number_of(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    Bytes bytes;
    if (EVP_PKEY_get_bn_param(key, name, &number) == 1) {
        bytes.resize(static_cast<std::size_t>(BN_num_bytes(number)));
        BN_bn2bin(number, bytes.data());
    }
    BN_free(number);
    return bytes;
}

std::string date_of(const ASN1_TIME* time) {
    std::tm tm{};
    if (!time || ASN1_TIME_to_tm(time, &tm) != 1) return {};
    char text[16];
    if (std::strftime(text, sizeof text, "%Y%m%d", &tm) != 8) return {};
    return text;
}

using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

}  // namespace

Crypto::Crypto() : context_(nullptr) {
    // If nobody in this process has used OpenSSL yet, it must not clean up behind our back at exit: hosts finalise their
    // modules from exit handlers of their own, in whatever order.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
    context_ = OSSL_LIB_CTX_new();
    if (!context_) throw std::bad_alloc();
    // Not from OpenSSL: its generator would leave something of our context behind in this thread, which may end after the
    // context, and would then reach into what is freed (OPENSSL_thread_stop_ex(3)).
    if (::getentropy(fingerprint_key_.data(), fingerprint_key_.size()) != 0) {
        OSSL_LIB_CTX_free(context_);
        throw std::runtime_error("no random bytes from the system");
    }
}

Crypto::~Crypto() {
    OPENSSL_cleanse(fingerprint_key_.data(), fingerprint_key_.size());
    OSSL_LIB_CTX_free(context_);
}

std::shared_ptr<const Certificate> Crypto::parse(ByteView der) const {
    const ErrorMark mark;
    const unsigned char* at = der.data();
    std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new_ex(context_, nullptr), &X509_free);
    if (!x509) throw std::bad_alloc();
    X509* raw = x509.release();
    const bool parsed = d2i_X509(&raw, &at, static_cast<long>(der.size())) != nullptr;
    x509.reset(raw);  // d2i frees it, and says so by NULL, when it fails
    if (!parsed || at != der.data() + der.size()) return nullptr;

    auto certificate = std::make_shared<Certificate>();
    certificate->key.reset(X509_get_pubkey(x509.get()), &EVP_PKEY_free);
    const EVP_PKEY* key = certificate->key.get();
    if (!key || EVP_PKEY_is_a(key, "RSA") != 1 || EVP_PKEY_get_bits(key) != 2048) return nullptr;
    certificate->der.assign(der.begin(), der.end());
    certificate->subject = der_of<X509_NAME>(X509_get_subject_name(x509.get()), i2d_X509_NAME);
    certificate->issuer = der_of<X509_NAME>(X509_get_issuer_name(x509.get()), i2d_X509_NAME);
    certificate->serial_number = der_of<ASN1_INTEGER>(X509_get0_serialNumber(x509.get()), i2d_ASN1_INTEGER);
    certificate->public_key_info = der_of<X509_PUBKEY>(X509_get_X509_PUBKEY(x509.get()), i2d_X509_PUBKEY);
    certificate->modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N);
    certificate->public_exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E);
    certificate->start_date = date_of(X509_get0_notBefore(x509.get()));
    certificate->end_date = date_of(X509_get0_notAfter(x509.get()));
    if (certificate->modulus.size() != 256 || certificate->public_exponent.empty()) return nullptr;
    certificate->x509 = std::move(x509);
    return certificate;
}

bool Crypto::issued_by(const Certificate& certificate, const Certificate& issuer) const {
    const ErrorMark mark;
    return X509_verify(certificate.x509.get(), issuer.key.get()) == 1;
}

std::array<std::uint8_t, 32> Crypto::sha256(ByteView data) const {
    std::array<std::uint8_t, 32> digest{};
    if (EVP_Q_digest(context_, "SHA256", nullptr, data.data(), data.size(), digest.data(), nullptr) != 1)
        throw std::runtime_error("SHA-256 failed");
    return digest;
}

std::array<std::uint8_t, 32> Crypto::fingerprint(ByteView data) const {
    std::array<std::uint8_t, 32> mac{};
    std::size_t size = 0;
    if (!EVP_Q_mac(context_, "HMAC", nullptr, "SHA256", nullptr, fingerprint_key_.data(), fingerprint_key_.size(), data.data(),
                   data.size(), mac.data(), mac.size(), &size) ||
        size != mac.size())
        throw std::runtime_error("HMAC failed");
    return mac;
}

Bytes Crypto::digest_info(Hash hash, ByteView digest) {
    std::unique_ptr<X509_SIG, decltype(&X509_SIG_free)> info(X509_SIG_new(), &X509_SIG_free);
    if (!info) throw std::bad_alloc();
    X509_ALGOR* algorithm = nullptr;
    ASN1_OCTET_STRING* octets = nullptr;
    X509_SIG_getm(info.get(), &algorithm, &octets);
    if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid_of(hash)), V_ASN1_NULL, nullptr) != 1 ||
        ASN1_OCTET_STRING_set(octets, digest.data(), static_cast<int>(digest.size())) != 1)
        throw std::bad_alloc();
    return der_of<X509_SIG>(info.get(), i2d_X509_SIG);
}

bool Crypto::verify_pkcs1(const Certificate& certificate, ByteView block, ByteView signature) const {
    const ErrorMark mark;
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(context_, certificate.key.get(), nullptr), &EVP_PKEY_CTX_free);
    return context && EVP_PKEY_verify_init(context.get()) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_verify(context.get(), signature.data(), signature.size(), block.data(), block.size()) == 1;
}

bool Crypto::verify_pss_sha256(const Certificate& certificate, ByteView digest, ByteView signature) const {
    const ErrorMark mark;
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(context_, certificate.key.get(), nullptr), &EVP_PKEY_CTX_free);
    return context && EVP_PKEY_verify_init(context.get()) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), 32) == 1 &&
           EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) == 1;
}

Crypto::Digest::Digest(const Crypto& crypto, Hash hash) : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    EVP_MD* md = EVP_MD_fetch(crypto.context_, name_of(hash), nullptr);
    const bool started = context_ && md && EVP_DigestInit_ex2(context_.get(), md, nullptr) == 1;
    EVP_MD_free(md);
    if (!started) throw std::runtime_error("hash not available");
}

void Crypto::Digest::update(ByteView data) {
    if (EVP_DigestUpdate(context_.get(), data.data(), data.size()) != 1) throw std::runtime_error("hash failed");
}

Bytes Crypto::Digest::finish() {
    Bytes digest(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) throw std::runtime_error("hash failed");
    digest.resize(size);
    return digest;
}

}  // namespace jpki
