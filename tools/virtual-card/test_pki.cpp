#include "test_pki.hpp"

#include "kept_keys.hpp"
#include "test_certificates.hpp"

#include <openssl/rsa.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <random>

#include <unistd.h>

namespace jpki::model {

namespace {

// `name` says whose key it is, where keys are kept.
EVP_PKEY* generate_key(const std::string& name, const TestPki::Options& options, bool p384 = false) {
    EVP_PKEY* key = kept_key(name + (p384 ? "-p384-" : "-rsa2048-") + std::to_string(options.seed),
                             [&] { return p384 ? EVP_EC_gen("P-384") : EVP_RSA_gen(2048); });
    require(key != nullptr, "key generation");
    return key;
}

std::string letters(std::mt19937_64& random, std::size_t count, std::string_view alphabet) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += alphabet[random() % alphabet.size()];
    return text;
}

// In the form of the real codes: a date, then letters and digits. Four bytes of serial number, the first bit 0.
HolderNames make_holder_names(std::mt19937_64& random) {
    HolderNames names;
    names.code = "2024" + std::string("0401") + letters(random, 17, "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ");
    names.serial = static_cast<std::uint32_t>(0x01000000 + random() % 0x7E000000);
    names.ca_serial = static_cast<std::uint32_t>(0x01000000 + random() % 0x7E000000);
    return names;
}

// A stored PKI is used only while its certificate is not expired and not about to expire.
bool usable(const TestPki& pki) {
    const unsigned char* bytes = pki.authentication_certificate.data();
    const CertificatePointer certificate(d2i_X509(nullptr, &bytes, static_cast<long>(pki.authentication_certificate.size())));
    if (!certificate) return false;
    return ASN1_TIME_cmp_time_t(X509_get0_notAfter(certificate.get()), time(nullptr) + 86400) > 0;
}

std::shared_ptr<const TestPki> cached(const std::filesystem::path& cache, const TestPki::Options& options) {
    const std::filesystem::path directory = cache / ("pki-" + std::to_string(options.seed));
    try {
        auto pki = TestPki::load(directory);
        if (usable(*pki)) return pki;
    } catch (const std::runtime_error&) {
        // Not stored yet, or only in part.
    }
    auto pki = TestPki::make(options);
    // Several test programs may do this at once: each writes its own directory, and the first rename succeeds.
    std::filesystem::path scratch = directory;
    scratch += "." + std::to_string(getpid());
    pki->save(scratch);
    std::error_code ignored;
    std::filesystem::rename(scratch, directory, ignored);
    if (ignored) {
        std::filesystem::remove_all(scratch, ignored);
        try {
            auto theirs = TestPki::load(directory);
            if (usable(*theirs)) return theirs;
        } catch (const std::runtime_error&) {
        }
    }
    return pki;
}

}  // namespace

TestPki::~TestPki() {
    EVP_PKEY_free(authentication_key);
    EVP_PKEY_free(signature_key);
    EVP_PKEY_free(authentication_ca_key);
    EVP_PKEY_free(signature_ca_key);
}

std::shared_ptr<const TestPki> TestPki::make(const Options& options) {
    auto pki = std::make_shared<TestPki>();
    // Key generation takes most of the time.
    auto other_half = std::async(std::launch::async, [&] {
        pki->authentication_ca_key = generate_key("authentication-ca", options);
        pki->signature_ca_key = generate_key("signature-ca", options);
    });
    pki->authentication_key = generate_key("authentication", options, options.p384);
    pki->signature_key = generate_key("signature", options, options.p384);
    other_half.get();

    std::mt19937_64 random(options.seed);
    for (const bool signature : {false, true}) {
        HolderNames names = make_holder_names(random);
        if (signature) names.city = "Mihon-shi";
        EVP_PKEY* key = signature ? pki->signature_key : pki->authentication_key;
        EVP_PKEY* ca_key = signature ? pki->signature_ca_key : pki->authentication_ca_key;
        const CertificatePointer ca = make_ca(signature, ca_key, names.ca_serial);
        const CertificatePointer holder = make_holder(signature, key, ca.get(), ca_key, names, options);
        (signature ? pki->signature_ca : pki->authentication_ca) = to_der(ca.get());
        (signature ? pki->signature_certificate : pki->authentication_certificate) = to_der(holder.get());
    }
    return pki;
}

std::shared_ptr<const TestPki> TestPki::shared(unsigned which) {
    static std::mutex mutex;
    static std::map<unsigned, std::shared_ptr<const TestPki>> made;
    const std::lock_guard lock(mutex);
    std::shared_ptr<const TestPki>& pki = made[which];
    if (!pki) {
        Options options;
        options.seed = 1 + std::uint64_t{which};
        const char* cache = std::getenv("JPKI_TEST_PKI_CACHE");
        pki = cache != nullptr && *cache != '\0' ? cached(cache, options) : make(options);
    }
    return pki;
}

}  // namespace jpki::model
