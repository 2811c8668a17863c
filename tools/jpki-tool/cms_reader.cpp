#include "cms_reader.hpp"

#include "der_writer.hpp"

#include "apdu/der.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include <openssl/objects.h>

namespace jpki::tool {

namespace {

using namespace jpki::der;

constexpr int deepest = 32;
constexpr std::uint8_t constructed = 0x20;

struct Header {
    std::uint8_t identifier = 0;
    std::optional<std::uint64_t> length;  // none: indefinite
    Bytes raw;
};

// A cursor that tracks the open elements.
class Reader {
public:
    explicit Reader(ByteSource& source) : source_(source), buffer_(64 * 1024) {}

    Header header() {
        Header read;
        read.identifier = byte(read.raw);
        if ((read.identifier & 0x1F) == 0x1F) throw MalformedCms("a tag number above 30");
        const std::uint8_t first = byte(read.raw);
        if (first < 0x80) {
            read.length = first;
        } else if (first == 0x80) {
            if ((read.identifier & constructed) == 0) throw MalformedCms("a primitive element of indefinite length");
        } else {
            if (first > 0x88) throw MalformedCms("a length of more than 8 octets");
            std::uint64_t length = 0;
            for (int i = first & 0x7F; i > 0; --i) length = length << 8 | byte(read.raw);
            read.length = length;
        }
        if (read.length && *read.length > bound() - position_) throw MalformedCms("an element goes beyond the one it is in");
        return read;
    }

    void open(const Header& header) {
        if (ends_.size() >= deepest) throw MalformedCms("elements too deep in each other");
        ends_.push_back({header.length ? position_ + *header.length : bound(), !header.length});
    }
    // Whether the innermost open element has no more contents.
    bool at_end() {
        if (!ends_.back().indefinite) return position_ == bound();
        return peek(0) == 0 && peek(1) == 0;
    }
    void close() {
        if (!at_end()) throw MalformedCms("more in an element than belongs there");
        if (ends_.back().indefinite) {
            if (bound() - position_ < 2) throw MalformedCms("an element goes beyond the one it is in");
            position_ += 2;
            at_ += 2;
        }
        ends_.pop_back();
    }
    bool next_is(std::uint8_t identifier) { return !at_end() && peek(0) == identifier; }
    Header open(std::uint8_t identifier) {
        Header read = header();
        if (read.identifier != identifier) throw MalformedCms("an element of another type than a SignedData has");
        open(read);
        return read;
    }

    // The next element, byte for byte.
    void copy(Bytes& into) {
        const Header read = header();
        append(into, read.raw);
        open(read);
        if (read.length) {
            if (*read.length > largest_structure) throw MalformedCms("certificates and signatures of more than 16 MiB");
            pieces(*read.length, [&](ByteView piece) { append(into, piece); });
        } else {
            while (!at_end()) copy(into);
            append(into, Bytes{0, 0});
        }
        close();
    }

    // An OCTET STRING, in one piece or in several (X.690, 8.7.3).
    template <class F> void octets(F&& f) {
        const Header read = header();
        if ((read.identifier & ~constructed) != octet_string) throw MalformedCms("content that is no OCTET STRING");
        open(read);
        if ((read.identifier & constructed) == 0) {
            pieces(*read.length, f);
        } else {
            while (!at_end()) octets(f);
        }
        close();
    }

    void expect_end_of_input() {
        if (at_ != end_ || fill()) throw MalformedCms("bytes behind the SignedData");
    }

private:
    struct End {
        std::uint64_t position;  // an indefinite length ends with the element around it
        bool indefinite;
    };
    std::uint64_t bound() const { return ends_.empty() ? std::numeric_limits<std::uint64_t>::max() : ends_.back().position; }

    bool fill() {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
                  buffer_.begin());
        end_ -= at_;
        at_ = 0;
        const std::size_t got = source_.read(std::span(buffer_).subspan(end_));
        end_ += got;
        return got != 0;
    }
    std::uint8_t peek(std::size_t ahead) {
        while (end_ - at_ <= ahead)
            if (!fill()) throw MalformedCms("the file ends too early");
        return buffer_[at_ + ahead];
    }
    std::uint8_t byte(Bytes& into) {
        if (position_ >= bound()) throw MalformedCms("an element goes beyond the one it is in");
        const std::uint8_t value = peek(0);
        ++at_;
        ++position_;
        into.push_back(value);
        return value;
    }
    static void append(Bytes& into, ByteView piece) {
        if (into.size() + piece.size() > largest_structure) throw MalformedCms("certificates and signatures of more than 16 MiB");
        into.insert(into.end(), piece.begin(), piece.end());
    }
    template <class F> void pieces(std::uint64_t size, F&& f) {
        while (size != 0) {
            peek(0);
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(size, end_ - at_));
            f(ByteView(buffer_).subspan(at_, count));
            at_ += count;
            position_ += count;
            size -= count;
        }
    }

    ByteSource& source_;
    Bytes buffer_;
    std::size_t at_ = 0, end_ = 0;
    std::uint64_t position_ = 0;
    std::vector<End> ends_;
};

Bytes copied(Reader& reader) {
    Bytes bytes;
    reader.copy(bytes);
    return bytes;
}

}  // namespace

ReadCms read_cms(ByteSource& source, ContentTaker& taker) {
    Reader reader(source);
    ReadCms result;
    reader.open(sequence);
    const Bytes type = copied(reader);
    if (type != der::object_identifier(NID_pkcs7_signed)) throw MalformedCms("a content type other than SignedData");
    reader.open(context_constructed(0));
    reader.open(sequence);
    const Bytes version = copied(reader), algorithms = copied(reader);
    reader.open(sequence);
    const Bytes content_type = copied(reader);
    if (reader.next_is(context_constructed(0))) {
        reader.open(context_constructed(0));
        result.attached = true;
        taker.begin(algorithms);
        reader.octets([&](ByteView piece) {
            result.content_size += piece.size();
            taker.take(piece);
        });
        reader.close();
    }
    reader.close();
    Bytes rest;  // certificates, crls, signerInfos
    while (!reader.at_end()) reader.copy(rest);
    for (int level = 0; level < 3; ++level) reader.close();
    reader.expect_end_of_input();
    using der::element;
    const Bytes inner = element(sequence, {version, algorithms, element(sequence, {content_type}), rest});
    result.structure = element(sequence, {type, element(context_constructed(0), {inner})});
    return result;
}

}  // namespace jpki::tool
