// A certificate in the forms that `cert` prints.
#pragma once

#include "certificate_view.hpp"

#include <string>

namespace jpki::tool {

std::string to_pem(const CertificateView& certificate);
// "ssh-rsa AAAA... COMMENT": a line for authorized_keys (RFC 4253, 6.6; RFC 5656, 3.1). Throws Failure for a key that SSH
// does not support.
std::string to_ssh(const CertificateView& certificate, const std::string& comment);
// "AB:CD:...": SHA-256 of the DER.
std::string to_fingerprint(const CertificateView& certificate);
// All fields, with the names of the extensions in the user's language.
std::string to_text(const CertificateView& certificate);

}  // namespace jpki::tool
