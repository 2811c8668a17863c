#include "cms_build.hpp"

#include "der_writer.hpp"

#include "apdu/der.hpp"

#include <ctime>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/objects.h>

namespace jpki::tool {

namespace {

using namespace jpki::der;
using der::concatenated;
using der::element;
using der::object_identifier;
using der::set_of;

const Bytes version_1{integer, 1, 1};

Bytes attribute(int type, ByteView value) { return element(sequence, {object_identifier(type), element(set, {value})}); }

// UTCTime until 2049, GeneralizedTime from then on (RFC 5652, 11.3).
Bytes time_element(TimePoint time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    const bool in_window = utc.tm_year >= 50 && utc.tm_year < 150;
    char text[32];
    const std::size_t size = std::strftime(text, sizeof text, in_window ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &utc);
    const auto* begin = reinterpret_cast<const std::uint8_t*>(text);
    return element(in_window ? utc_time : generalized_time, {ByteView(begin, size)});
}

// SigningCertificateV2 with one ESSCertIDv2; SHA-256 is its default hash algorithm and hence left out.
Bytes signing_certificate_v2(const Certificate& signer) {
    std::uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(signer.der.data(), signer.der.size(), hash, &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("SHA-256 failed");
    const Bytes names = element(sequence, {element(context_constructed(4), {signer.issuer})});  // GeneralNames
    const Bytes issuer_serial = element(sequence, {names, signer.serial_number});
    const Bytes id = element(sequence, {element(octet_string, {ByteView(hash, size)}), issuer_serial});
    return element(sequence, {element(sequence, {id})});
}

Bytes sha256_algorithm() { return element(sequence, {object_identifier(NID_sha256)}); }  // no parameters: RFC 5754, 2

Bytes signer_info(const Certificate& signer, ByteView attributes, ByteView signature) {
    Bytes tagged(attributes.begin(), attributes.end());
    tagged.at(0) = context_constructed(0);  // [0] IMPLICIT here, SET OF where it is signed
    const Bytes id = element(sequence, {signer.issuer, signer.serial_number});
    const Bytes rsa = element(sequence, {object_identifier(NID_rsaEncryption), Bytes{null, 0}});
    return element(sequence, {version_1, id, sha256_algorithm(), tagged, rsa, element(octet_string, {signature})});
}

}  // namespace

Bytes signed_attributes(const Certificate& signer, ByteView digest, TimePoint signing_time) {
    return set_of(set, {attribute(NID_pkcs9_contentType, object_identifier(NID_pkcs7_data)),
                        attribute(NID_pkcs9_messageDigest, element(octet_string, {digest})),
                        attribute(NID_pkcs9_signingTime, time_element(signing_time)),
                        attribute(NID_id_smime_aa_signingCertificateV2, signing_certificate_v2(signer))});
}

CmsFrame cms_frame(const Certificate& signer, ByteView ca, ByteView attributes, ByteView signature,
                   std::optional<std::uint64_t> content_size) {
    std::vector<Bytes> certificates{signer.der};
    if (!ca.empty()) certificates.emplace_back(ca.begin(), ca.end());
    CmsFrame frame;
    frame.after =
        concatenated({set_of(context_constructed(0), certificates), element(set, {signer_info(signer, attributes, signature)})});
    // From the inside out: each header needs the size of what follows it.
    std::uint64_t size = content_size.value_or(0);
    Bytes before;
    const auto wrap = [&](std::uint8_t identifier, ByteView first) {
        size += first.size();
        const Bytes head = der::header(identifier, size);
        size += head.size();
        before = concatenated({head, first, before});
    };
    if (content_size) {
        wrap(octet_string, {});
        wrap(context_constructed(0), {});
    }
    wrap(sequence, object_identifier(NID_pkcs7_data));
    size += frame.after.size();
    wrap(sequence, concatenated({version_1, element(set, {sha256_algorithm()})}));
    wrap(context_constructed(0), {});
    wrap(sequence, object_identifier(NID_pkcs7_signed));
    frame.before = before;
    return frame;
}

}  // namespace jpki::tool
