// Reading a CMS SignedData (RFC 5652, 5.1) of any size in constant memory: the content goes by in pieces, what is around it is
// kept for OpenSSL's CMS functions, which would keep the content as well.
#pragma once

#include "cms_encoding.hpp"

#include "apdu/bytes.hpp"

#include <cstdint>

namespace jpki::tool {

// Bytes of a SignedData without its content that are accepted; more cannot be certificates and signatures for people.
inline constexpr std::size_t largest_structure = 16 * 1024 * 1024;

class ContentTaker {
public:
    virtual ~ContentTaker() = default;
    // Before the first piece; only when there is content. `digest_algorithms`: the SET, as it stands.
    virtual void begin(ByteView digest_algorithms) = 0;
    virtual void take(ByteView piece) = 0;
};

struct ReadCms {
    Bytes structure;        // the ContentInfo without the content, for d2i_CMS_ContentInfo
    bool attached = false;  // there was content
    std::uint64_t content_size = 0;
};

// BER and DER, up to the end of the source. Throws MalformedCms, and what source and taker throw.
ReadCms read_cms(ByteSource& source, ContentTaker& taker);

}  // namespace jpki::tool
