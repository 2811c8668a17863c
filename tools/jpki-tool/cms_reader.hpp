// Reads a CMS SignedData (RFC 5652, 5.1) of any size in constant memory: the content is passed on in pieces, the rest is
// kept for OpenSSL's CMS functions, which would keep the content as well.
#pragma once

#include "cms_encoding.hpp"

#include "apdu/bytes.hpp"

#include <cstdint>

namespace jpki::tool {

// Maximum size of a SignedData without its content; real certificates and signatures need less.
inline constexpr std::size_t largest_structure = 16 * 1024 * 1024;

class ContentTaker {
public:
    virtual ~ContentTaker() = default;
    // Before the first piece; only if there is content. `digest_algorithms`: the SET as encoded.
    virtual void begin(ByteView digest_algorithms) = 0;
    virtual void take(ByteView piece) = 0;
};

struct ReadCms {
    Bytes structure;        // the ContentInfo without the content, for d2i_CMS_ContentInfo
    bool attached = false;  // content was present
    std::uint64_t content_size = 0;
};

// BER and DER, up to the end of the source. Throws MalformedCms, and exceptions of source and taker.
ReadCms read_cms(ByteSource& source, ContentTaker& taker);

}  // namespace jpki::tool
