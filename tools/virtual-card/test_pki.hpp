// Keys and certificates for a test card, in the form of the real ones (apdu/README.md, Certificates).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

typedef struct evp_pkey_st EVP_PKEY;

namespace jpki::model {

class TestPki {
public:
    struct Options {
        std::string name = "試験 花子";                          // goes into the signature certificate's subjectAltName (UTF-8)
        std::string address = "東京都見本市試験町一丁目2番3号";  // also there
        std::uint64_t seed = 1;                    // seeds serial numbers and common names; keys are random (kept_keys.hpp)
        int authentication_not_before_days = -30;  // relative to now
        int not_after_days = 1500;                 // negative: expired
        std::size_t authentication_size =
            1570;  // size of the DER in bytes (padded with a long policy text); real ones: about 1550-1600
        std::size_t signature_size = 1745;
        bool p384 = false;  // the holder's keys: ECDSA P-384 (apdu/README.md, The next card), else RSA-2048
    };
    static std::shared_ptr<const TestPki> make(const Options&);
    static std::shared_ptr<const TestPki> make() { return make(Options{}); }
    // One shared instance per process for tests that do not depend on the holder (RSA key generation is slow).
    // If the environment variable JPKI_TEST_PKI_CACHE=<directory> is set, later processes read it from there.
    static std::shared_ptr<const TestPki> shared(unsigned which = 0);
    // Load from and save to a directory (PEM keys, DER certificates): the virtual card keeps its PKI across restarts.
    // load throws std::runtime_error if a file is missing or unreadable; save creates the directory (mode 0700).
    static std::shared_ptr<const TestPki> load(const std::string& directory);
    void save(const std::string& directory) const;
    TestPki() = default;
    TestPki(const TestPki&) = delete;
    TestPki& operator=(const TestPki&) = delete;
    ~TestPki();

    std::vector<std::uint8_t> authentication_certificate, signature_certificate;  // DER
    std::vector<std::uint8_t> authentication_ca, signature_ca;                    // DER
    EVP_PKEY* authentication_key = nullptr;
    EVP_PKEY* signature_key = nullptr;
    EVP_PKEY* authentication_ca_key = nullptr;  // a test server can issue more certificates, or a CRL
    EVP_PKEY* signature_ca_key = nullptr;
};

}  // namespace jpki::model
