#include "apdu/certificate_file.hpp"

#include <algorithm>
#include <openssl/asn1.h>
#include <openssl/err.h>

namespace jpki {

FileHead examine_head(ByteView head, std::size_t& total) noexcept {
    if (head.empty()) return FileHead::nothing;
    const std::uint8_t first = head.front();
    if ((first == 0x00 || first == 0xFF) && std::all_of(head.begin(), head.end(), [first](std::uint8_t b) { return b == first; }))
        return FileHead::nothing;
    // One byte of tag: OpenSSL would also accept the long form of a SEQUENCE's tag, which DER forbids.
    if (first != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)) return FileHead::malformed;
    // Two bytes of length at most: certificate_size_max needs no more, and OpenSSL, which gets a larger size below than the
    // buffer has, must not read them.
    if (head.size() > 1 && (head[1] & 0x80) && (head[1] & 0x7F) > 2) return FileHead::malformed;
    // Tag and length by OpenSSL. It gets certificate_size_max as the size, so that a length
    // beyond the bytes read so far is no error, while one beyond the limit is.
    const unsigned char* at = head.data();
    std::uint8_t padded[8] = {};
    std::copy_n(head.begin(), std::min(head.size(), sizeof padded), padded);
    at = padded;
    long length = 0;
    int tag = 0;
    int tag_class = 0;
    ERR_set_mark();
    const int flags = ASN1_get_object(&at, &length, &tag, &tag_class, static_cast<long>(certificate_size_max));
    ERR_pop_to_mark();
    const auto header = static_cast<std::size_t>(at - padded);
    // 0x80: an error, such as a size beyond the limit. An indefinite length, which DER forbids, is reported as zero.
    if ((flags & 0x80) || header > head.size() || length <= 0) return FileHead::malformed;
    total = header + static_cast<std::size_t>(length);
    return FileHead::certificate;
}

}  // namespace jpki
