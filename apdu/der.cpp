#include "apdu/der.hpp"

#include "apdu/openssl_errors.hpp"

#include <climits>
#include <openssl/asn1.h>

namespace jpki {

namespace {

// Octets of identifier and length that DER gives an element with a tag number up to 30 (X.690, 10.1); a larger tag number takes
// more octets.
constexpr std::size_t header_size(std::size_t length) noexcept {
    std::size_t size = 2;
    if (length >= 0x80)
        for (; length != 0; length >>= 8) ++size;
    return size;
}

}  // namespace

std::optional<DerElement> DerReader::take() noexcept {
    if (rest_.empty() || rest_.size() > LONG_MAX) return std::nullopt;
    const OpensslErrors errors;
    const unsigned char* at = rest_.data();
    long length = 0;
    int tag = 0;
    int tag_class = 0;
    // 80: an error, such as a length beyond the input; 01: indefinite length.
    const int flags = ASN1_get_object(&at, &length, &tag, &tag_class, static_cast<long>(rest_.size()));
    if ((flags & 0x81) != 0 || length < 0) return std::nullopt;
    const auto header = static_cast<std::size_t>(at - rest_.data());
    const auto size = static_cast<std::size_t>(length);
    if (header != header_size(size) || size > rest_.size() - header) return std::nullopt;
    const DerElement element{rest_.front(), rest_.first(header + size), rest_.subspan(header, size)};
    rest_ = rest_.subspan(header + size);
    return element;
}

std::optional<DerElement> DerReader::take(std::uint8_t identifier) noexcept {
    if (!next_is(identifier)) return std::nullopt;
    return take();
}

std::optional<DerElement> DerReader::take_object_identifier() noexcept {
    const auto element = take(der::object_identifier);
    if (!element || element->contents.empty() || (element->contents.back() & 0x80) != 0) return std::nullopt;
    bool first = true;  // of the octets of one subidentifier
    for (const std::uint8_t octet : element->contents) {
        if (first && octet == 0x80) return std::nullopt;
        first = (octet & 0x80) == 0;
    }
    return element;
}

std::optional<ByteView> der_only(ByteView input, std::uint8_t identifier) noexcept {
    DerReader reader(input);
    const auto element = reader.take(identifier);
    if (!element || !reader.at_end()) return std::nullopt;
    return element->contents;
}

std::optional<ByteView> der_positive_integer(ByteView contents) noexcept {
    if (contents.empty() || (contents[0] & 0x80) != 0) return std::nullopt;
    if (contents[0] != 0) return contents;
    if (contents.size() == 1 || (contents[1] & 0x80) == 0) return std::nullopt;
    return contents.subspan(1);
}

std::optional<ByteView> der_whole_octets(ByteView contents) noexcept {
    if (contents.empty() || contents[0] != 0) return std::nullopt;
    return contents.subspan(1);
}

}  // namespace jpki
