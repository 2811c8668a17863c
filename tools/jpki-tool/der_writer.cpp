#include "der_writer.hpp"

#include <algorithm>
#include <stdexcept>

#include <openssl/objects.h>

namespace jpki::tool::der {

Bytes header(std::uint8_t identifier, std::uint64_t length) {
    Bytes bytes{identifier};
    if (length < 0x80) {
        bytes.push_back(static_cast<std::uint8_t>(length));
        return bytes;
    }
    int octets = 8;
    while (length >> (8 * (octets - 1)) == 0) --octets;
    bytes.push_back(static_cast<std::uint8_t>(0x80 | octets));
    while (octets-- > 0) bytes.push_back(static_cast<std::uint8_t>(length >> (8 * octets)));
    return bytes;
}

Bytes concatenated(std::initializer_list<ByteView> parts) {
    Bytes bytes;
    for (const ByteView part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
}

Bytes element(std::uint8_t identifier, std::initializer_list<ByteView> parts) {
    const Bytes contents = concatenated(parts);
    return concatenated({header(identifier, contents.size()), contents});
}

Bytes set_of(std::uint8_t identifier, std::vector<Bytes> parts) {
    std::ranges::sort(parts);
    Bytes contents;
    for (const Bytes& part : parts) contents.insert(contents.end(), part.begin(), part.end());
    return element(identifier, {contents});
}

Bytes object_identifier(int nid) {
    unsigned char* out = nullptr;
    const int size = i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &out);
    if (size <= 0) throw std::invalid_argument("no such OBJECT IDENTIFIER");
    Bytes bytes(out, out + size);
    OPENSSL_free(out);
    return bytes;
}

}  // namespace jpki::tool::der
