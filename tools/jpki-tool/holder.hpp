// The holder's data in the signature certificate: otherNames of the subjectAltName under 1.2.392.200149.8.5.5 (apdu/README.md,
// Certificates), in any order. Personal data: shown only on request.
#pragma once

#include "certificate_view.hpp"
#include "output.hpp"

#include <string>
#include <vector>

namespace jpki::tool {

struct HolderField {
    enum class Kind { name, sex, birth, address, other };
    Kind kind = Kind::other;
    std::string oid;
    std::string text;                   // as in the certificate
    std::vector<std::size_t> replaced;  // positions (from 1) of characters replaced by a substitute; name and address only
};

// In the order name, address, birth, sex, then entries of unknown form, under their OID. Empty without a subjectAltName.
std::vector<HolderField> holder_fields(const CertificateView& certificate);

std::string shown_name(HolderField::Kind kind);
std::string shown_value(const HolderField& field);
Json to_json(const HolderField& field);

}  // namespace jpki::tool
