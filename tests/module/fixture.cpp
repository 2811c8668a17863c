#include "fixture.hpp"

#include "temporary.hpp"
#include "test_clock.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <unistd.h>

namespace jpki::test {

std::string rv_name(CK_RV rv) {
    switch (rv) {
#define NAME(code) \
    case code: return #code;
        NAME(CKR_OK)
        NAME(CKR_HOST_MEMORY)
        NAME(CKR_SLOT_ID_INVALID)
        NAME(CKR_GENERAL_ERROR)
        NAME(CKR_FUNCTION_FAILED)
        NAME(CKR_ARGUMENTS_BAD)
        NAME(CKR_NO_EVENT)
        NAME(CKR_CANT_LOCK)
        NAME(CKR_ATTRIBUTE_SENSITIVE)
        NAME(CKR_ATTRIBUTE_TYPE_INVALID)
        NAME(CKR_ATTRIBUTE_VALUE_INVALID)
        NAME(CKR_DATA_LEN_RANGE)
        NAME(CKR_DEVICE_ERROR)
        NAME(CKR_DEVICE_REMOVED)
        NAME(CKR_FUNCTION_CANCELED)
        NAME(CKR_FUNCTION_NOT_PARALLEL)
        NAME(CKR_FUNCTION_NOT_SUPPORTED)
        NAME(CKR_KEY_HANDLE_INVALID)
        NAME(CKR_KEY_FUNCTION_NOT_PERMITTED)
        NAME(CKR_MECHANISM_INVALID)
        NAME(CKR_MECHANISM_PARAM_INVALID)
        NAME(CKR_OBJECT_HANDLE_INVALID)
        NAME(CKR_OPERATION_ACTIVE)
        NAME(CKR_OPERATION_NOT_INITIALIZED)
        NAME(CKR_PIN_INCORRECT)
        NAME(CKR_PIN_INVALID)
        NAME(CKR_PIN_LEN_RANGE)
        NAME(CKR_PIN_LOCKED)
        NAME(CKR_SESSION_HANDLE_INVALID)
        NAME(CKR_SESSION_PARALLEL_NOT_SUPPORTED)
        NAME(CKR_SESSION_READ_ONLY)
        NAME(CKR_SIGNATURE_INVALID)
        NAME(CKR_SIGNATURE_LEN_RANGE)
        NAME(CKR_TOKEN_NOT_PRESENT)
        NAME(CKR_TOKEN_NOT_RECOGNIZED)
        NAME(CKR_USER_ALREADY_LOGGED_IN)
        NAME(CKR_USER_NOT_LOGGED_IN)
        NAME(CKR_USER_PIN_NOT_INITIALIZED)
        NAME(CKR_USER_TYPE_INVALID)
        NAME(CKR_RANDOM_NO_RNG)
        NAME(CKR_BUFFER_TOO_SMALL)
        NAME(CKR_CRYPTOKI_NOT_INITIALIZED)
        NAME(CKR_CRYPTOKI_ALREADY_INITIALIZED)
#undef NAME
    default: return "CK_RV " + std::to_string(rv);
    }
}

SettingsFile::SettingsFile(const std::string& toml) {
    path_ = temporary_directory() + "/jpki-settings-XXXXXX";
    const int descriptor = ::mkstemp(path_.data());
    BOOST_REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path_) << toml;
    ::setenv("JPKI_PKCS11_CONFIG", path_.c_str(), 1);
}

SettingsFile::~SettingsFile() {
    ::unlink(path_.c_str());
    ::unsetenv("JPKI_PKCS11_CONFIG");
}

Fixture::Fixture(Knobs knobs, std::shared_ptr<const TestPki> pki) : Fixture("", std::move(knobs), std::move(pki)) {}

Fixture::Fixture(const std::string& settings, Knobs knobs, std::shared_ptr<const TestPki> pki)
    : card(std::make_shared<CardModel>(std::move(pki), std::move(knobs))), settings_(std::make_unique<SettingsFile>(settings)) {
    model::remember_signatures(true);
    test_clock::removal_notice = std::chrono::milliseconds(10);
    fake::reset_everything();
    fake::reset_calls();
    fake::add_reader(reader_name, card);
    REQUIRE_OK(C_Initialize(nullptr));
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    card->reset_counts();
}

Fixture::~Fixture() {
    const CK_RV rv = C_Finalize(nullptr);
    BOOST_CHECK(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
    BOOST_CHECK(fake::open_now() == fake::Open{});  // no context, connection or transaction stays open
}

CK_SESSION_HANDLE Fixture::open(CK_SLOT_ID slot, CK_FLAGS flags) {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    REQUIRE_OK(C_OpenSession(slot, CKF_SERIAL_SESSION | flags, nullptr, nullptr, &session));
    return session;
}

CK_RV Fixture::login(CK_SESSION_HANDLE session, const std::string& pin, CK_USER_TYPE user) {
    std::string copy = pin;
    return C_Login(session, user, reinterpret_cast<CK_UTF8CHAR*>(copy.data()), static_cast<CK_ULONG>(copy.size()));
}

CK_SESSION_HANDLE Fixture::open_logged_in(CK_SLOT_ID slot, CK_FLAGS flags) {
    const CK_SESSION_HANDLE session = open(slot, flags);
    REQUIRE_OK(login(session, card->pin(slot % 2 == 0 ? model::KeyUse::authentication : model::KeyUse::signature)));
    return session;
}

CK_STATE Fixture::state(CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info{};
    REQUIRE_OK(C_GetSessionInfo(session, &info));
    return info.state;
}

std::string token_serial(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(slot, &info));
    return {reinterpret_cast<const char*>(info.serialNumber), sizeof info.serialNumber};
}

std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted) {
    REQUIRE_OK(C_FindObjectsInit(session, wanted.data(), static_cast<CK_ULONG>(wanted.size())));
    std::vector<CK_OBJECT_HANDLE> found(32);
    CK_ULONG count = 0;
    REQUIRE_OK(C_FindObjects(session, found.data(), static_cast<CK_ULONG>(found.size()), &count));
    REQUIRE_OK(C_FindObjectsFinal(session));
    found.resize(count);
    return found;
}

std::vector<CK_OBJECT_HANDLE> find_class(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class) {
    return find(session, {{CKA_CLASS, &object_class, sizeof object_class}});
}

CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info{};
    REQUIRE_OK(C_GetSessionInfo(session, &info));
    CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE;
    unsigned char id = static_cast<unsigned char>(info.slotID % 2 + 1);
    const auto found = find(session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, &id, 1}, {CKA_SIGN, &yes, 1}});
    BOOST_REQUIRE_EQUAL(found.size(), 1u);
    return found.front();
}

Bytes attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ATTRIBUTE wanted = {type, nullptr, 0};
    REQUIRE_OK(C_GetAttributeValue(session, object, &wanted, 1));
    Bytes value(wanted.ulValueLen);
    wanted.pValue = value.data();
    REQUIRE_OK(C_GetAttributeValue(session, object, &wanted, 1));
    return value;
}

std::vector<std::pair<CK_ATTRIBUTE_TYPE, Bytes>> all_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
    // All types in one call: what the object lacks is marked, and the rest is answered (PKCS#11 3.0, 5.7.5).
    std::vector<CK_ATTRIBUTE> wanted;
    for (CK_ATTRIBUTE_TYPE type = 0; type < 0x700; ++type) wanted.push_back({type, nullptr, 0});
    wanted.push_back({CKA_ALLOWED_MECHANISMS, nullptr, 0});
    const CK_RV rv = C_GetAttributeValue(session, object, wanted.data(), wanted.size());
    BOOST_REQUIRE_MESSAGE(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE, rv_name(rv));
    std::vector<std::pair<CK_ATTRIBUTE_TYPE, Bytes>> all;
    for (const CK_ATTRIBUTE& one : wanted)
        if (one.ulValueLen != CK_UNAVAILABLE_INFORMATION) all.emplace_back(one.type, attribute(session, object, one.type));
    return all;
}

CK_MECHANISM pss_mechanism(CK_MECHANISM_TYPE type) {
    static CK_RSA_PKCS_PSS_PARAMS parameters = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    return {type, &parameters, sizeof parameters};
}

namespace {

bool is_pss(CK_MECHANISM_TYPE mechanism) { return mechanism == CKM_RSA_PKCS_PSS || mechanism == CKM_SHA256_RSA_PKCS_PSS; }

}  // namespace

CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type, const Bytes& data, Bytes& signature) {
    CK_MECHANISM mechanism = is_pss(type) ? pss_mechanism(type) : CK_MECHANISM{type, nullptr, 0};
    if (const CK_RV rv = C_SignInit(session, &mechanism, key); rv != CKR_OK) return rv;
    signature.assign(256, 0);
    CK_ULONG length = static_cast<CK_ULONG>(signature.size());
    Bytes copy = data;
    const CK_RV rv = C_Sign(session, copy.data(), static_cast<CK_ULONG>(copy.size()), signature.data(), &length);
    signature.resize(rv == CKR_OK ? length : 0);
    return rv;
}

Bytes signed_by(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism, const Bytes& data) {
    Bytes signature;
    REQUIRE_OK(sign(session, key, mechanism, data, signature));
    return signature;
}

Bytes digest_info_sha256(const Bytes& data) {
    Bytes info = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                  0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    info.resize(info.size() + SHA256_DIGEST_LENGTH);
    SHA256(data.data(), data.size(), info.data() + info.size() - SHA256_DIGEST_LENGTH);
    return info;
}

namespace {

// The public key of a certificate, decoded once: OpenSSL's decoder takes longer than a verification. NULL: no certificate.
EVP_PKEY* key_of(const Bytes& certificate) {
    static std::mutex mutex;
    static std::map<Bytes, std::unique_ptr<X509, decltype(&X509_free)>> decoded;
    const std::lock_guard lock(mutex);
    auto found = decoded.find(certificate);
    if (found == decoded.end()) {
        const unsigned char* at = certificate.data();
        X509* x509 = d2i_X509(nullptr, &at, static_cast<long>(certificate.size()));
        found = decoded.emplace(certificate, std::unique_ptr<X509, decltype(&X509_free)>(x509, &X509_free)).first;
    }
    return found->second ? X509_get0_pubkey(found->second.get()) : nullptr;
}

// Ecdsa-Sig-Value of r || s.
Bytes der_ecdsa(const Bytes& signature) {
    const auto half = static_cast<int>(signature.size() / 2);
    ECDSA_SIG* numbers = ECDSA_SIG_new();
    ECDSA_SIG_set0(numbers, BN_bin2bn(signature.data(), half, nullptr), BN_bin2bn(signature.data() + half, half, nullptr));
    unsigned char* bytes = nullptr;
    const int size = i2d_ECDSA_SIG(numbers, &bytes);
    Bytes der(bytes, bytes + size);
    OPENSSL_free(bytes);
    ECDSA_SIG_free(numbers);
    return der;
}

}  // namespace

bool openssl_verifies(const Bytes& certificate, CK_MECHANISM_TYPE mechanism, const Bytes& data, const Bytes& signature) {
    EVP_PKEY* key = key_of(certificate);
    if (!key) return false;
    const EVP_MD* md = nullptr;
    if (mechanism == CKM_SHA256_RSA_PKCS || mechanism == CKM_SHA256_RSA_PKCS_PSS || mechanism == CKM_ECDSA_SHA256)
        md = EVP_sha256();
    if (mechanism == CKM_SHA384_RSA_PKCS || mechanism == CKM_ECDSA_SHA384) md = EVP_sha384();
    if (mechanism == CKM_SHA512_RSA_PKCS) md = EVP_sha512();
    Bytes padded = data;
    if (md) {
        unsigned size = EVP_MAX_MD_SIZE;
        padded.resize(size);
        if (EVP_Digest(data.data(), data.size(), padded.data(), &size, md, nullptr) != 1) return false;
        padded.resize(size);
    }
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key, nullptr), &EVP_PKEY_CTX_free);
    if (!context || EVP_PKEY_verify_init(context.get()) != 1) return false;
    if (EVP_PKEY_is_a(key, "EC") == 1) {
        const Bytes der = der_ecdsa(signature);
        return EVP_PKEY_verify(context.get(), der.data(), der.size(), padded.data(), padded.size()) == 1;
    }
    if (is_pss(mechanism)) {
        if (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) != 1 ||
            EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1 ||
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), 32) != 1)
            return false;
    } else {
        if (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1) return false;
        if (md && EVP_PKEY_CTX_set_signature_md(context.get(), md) != 1) return false;
    }
    return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), padded.data(), padded.size()) == 1;
}

}  // namespace jpki::test
