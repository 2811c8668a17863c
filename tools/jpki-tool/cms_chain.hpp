// Whether a signer's certificate leads to a CA that is trusted.
#pragma once

#include "cms_judge.hpp"

namespace jpki::tool {

struct Chain {
    bool good = false;
    std::string text;                           // why (not), in the user's language
    std::vector<CertificateView> certificates;  // behind the signer's, up to the trusted one; when good
    const KnownCa* known = nullptr;
};

// `included`: the certificates in the SignedData; they are believed nothing, but may lie between. Dates are not looked at.
// Each trusted certificate is tried by itself, and OpenSSL compares key identifiers: the CAs of J-LIS all have the same name.
Chain find_chain(const CertificateView& signer, const std::vector<CertificateView>& included, const Trust& trust);

}  // namespace jpki::tool
