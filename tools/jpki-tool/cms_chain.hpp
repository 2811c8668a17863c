// Whether a signer's certificate leads to a trusted CA.
#pragma once

#include "cms_judge.hpp"

namespace jpki::tool {

struct Chain {
    bool good = false;
    std::string text;                           // the reason, in the user's language
    std::vector<CertificateView> certificates;  // behind the signer's, up to the trusted one; when good
    const KnownCa* known = nullptr;
};

// `included`: the certificates in the SignedData; untrusted, but they may be intermediates. Dates are not checked.
// Each trusted certificate is tried alone, and OpenSSL compares key identifiers: the CAs of J-LIS all have the same name.
Chain find_chain(const CertificateView& signer, const std::vector<CertificateView>& included, const Trust& trust);

}  // namespace jpki::tool
