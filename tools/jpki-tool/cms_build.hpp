// Building a CMS SignedData (RFC 5652) with one signer, as CAdES-B-B has it (ETSI EN 319 122-1, 6.3): content-type,
// message-digest, signing-time and signing-certificate-v2 (RFC 5035) signed, the signer's certificate and that of its CA
// included. SHA-256 and RSASSA-PKCS1-v1_5 only, as the card signs. OpenSSL's CMS functions sign with an EVP_PKEY, which does not
// exist for the card.
#pragma once

#include "dates.hpp"

#include "apdu/bytes.hpp"
#include "apdu/certificate.hpp"

#include <cstdint>
#include <optional>

namespace jpki::tool {

// The DER SET OF Attribute (RFC 5652, 5.4) whose SHA-256 is signed. `digest`: SHA-256 of the content.
Bytes signed_attributes(const Certificate& signer, ByteView digest, TimePoint signing_time);

struct CmsFrame {
    Bytes before, after;  // the bytes before and after the content
};
// The DER ContentInfo around a content of this many bytes; without a size it has no content (detached), and is before + after.
// `ca`: DER, or empty.
CmsFrame cms_frame(const Certificate& signer, ByteView ca, ByteView attributes, ByteView signature,
                   std::optional<std::uint64_t> content_size);

}  // namespace jpki::tool
