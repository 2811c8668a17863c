// The four certificates of a test card (apdu/README.md, Certificates).
#pragma once

#include "openssl_pointers.hpp"
#include "test_pki.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace jpki::model {

// What differs from holder to holder in the certificates of one key.
struct HolderNames {
    std::string code;  // CN
    std::string city;  // L; empty in the authentication certificate
    std::uint32_t serial = 0;
    std::uint32_t ca_serial = 0;
};

// Self-signed; about 1310 bytes of DER.
CertificatePointer make_ca(bool signature, EVP_PKEY* key, std::uint32_t serial);
// The holder's certificate, issued by ca; padded to the size in the options.
CertificatePointer make_holder(bool signature, EVP_PKEY* key, X509* ca, EVP_PKEY* ca_key, const HolderNames& names,
                               const TestPki::Options& options);
std::vector<std::uint8_t> to_der(X509* certificate);

}  // namespace jpki::model
