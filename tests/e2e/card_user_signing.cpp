// Signatures and certificates, verified by OpenSSL.
#include "card_user_module.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <thread>
#include <unistd.h>

namespace card_user {

namespace {

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertificatePointer = std::unique_ptr<X509, decltype(&X509_free)>;

KeyPointer public_key(const std::string& file) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_file(file.c_str(), "r"), BIO_free);
    const CertificatePointer certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr, X509_free);
    return {certificate ? X509_get_pubkey(certificate.get()) : nullptr, EVP_PKEY_free};
}

// OpenSSL verifies, not the module, with a certificate that this process did not read through the module.
bool verified(EVP_PKEY* key, const std::string& data, const std::array<unsigned char, 256>& signature, CK_ULONG length) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), length, reinterpret_cast<const unsigned char*>(data.data()),
                            data.size()) == 1;
}

std::atomic<bool> stopped = false;

}  // namespace

std::string holder(CK_SESSION_HANDLE handle) {
    for (const CK_OBJECT_HANDLE object : find_class(handle, CKO_CERTIFICATE)) {
        std::array<unsigned char, 8> id{};
        std::array<unsigned char, 4096> value{};
        std::array<CK_ATTRIBUTE, 2> attributes = {{{CKA_ID, id.data(), id.size()}, {CKA_VALUE, value.data(), value.size()}}};
        must(f->C_GetAttributeValue(handle, object, attributes.data(), attributes.size()));
        if (id[0] > 2) continue;  // a CA's
        const unsigned char* at = value.data();
        const CertificatePointer certificate(d2i_X509(nullptr, &at, static_cast<long>(attributes[1].ulValueLen)), X509_free);
        if (!certificate) return "";
        const X509_NAME* const subject = X509_get_subject_name(certificate.get());
        const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        if (index < 0) return "";
        const ASN1_STRING* const name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
        return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)), static_cast<std::size_t>(ASN1_STRING_length(name))};
    }
    return "nobody";
}

void stop_signing() { stopped = true; }

std::string sign(const std::string& name, int times, const char* pin, const std::string& certificate) {
    static std::atomic<int> counter = 0;
    const KeyPointer judge = public_key(certificate);
    Session mine = session(name);
    int good = 0, logins = 0;
    const auto said = [&](CK_RV rv) {
        return name_of(rv) + " " + std::to_string(good) + " good " + std::to_string(logins) + " logins";
    };
    while (times == 0 ? !stopped.load() : good < times) {
        CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
        std::string data = "data " + std::to_string(getpid()) + " " + std::to_string(++counter);
        std::array<unsigned char, 256> signature{};
        CK_ULONG length = signature.size();
        CK_RV rv = f->C_SignInit(mine.handle, &mechanism, mine.key);
        if (rv == CKR_OK)
            rv = f->C_Sign(mine.handle, reinterpret_cast<unsigned char*>(data.data()), data.size(), signature.data(), &length);
        if (rv == CKR_OK) {
            if (judge && !verified(judge.get(), data, signature, length)) return "WRONG SIGNATURE " + said(rv);
            ++good;
            if (pin) std::this_thread::sleep_for(std::chrono::milliseconds(20));  // lets other processes run
            continue;
        }
        // The handle of a private object becomes invalid when the login ends.
        if (!pin || (rv != CKR_USER_NOT_LOGGED_IN && rv != CKR_KEY_HANDLE_INVALID)) return said(rv);
        std::string copy = pin;
        rv = f->C_Login(mine.handle, CKU_USER, reinterpret_cast<unsigned char*>(copy.data()), copy.size());
        if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN) return "login: " + said(rv);
        ++logins;
        const auto keys = find_class(mine.handle, CKO_PRIVATE_KEY);
        if (!keys.empty()) mine.key = keys[0];
    }
    return (judge ? "" : "(not verified) ") + said(CKR_OK);
}

}  // namespace card_user
