#include "apdu/certificate.hpp"

#include "apdu/der.hpp"
#include "apdu/public_key_info.hpp"

#include <algorithm>
#include <optional>

namespace jpki {

namespace {

Bytes copy(ByteView view) { return {view.begin(), view.end()}; }

// Whether an INTEGER's contents are minimal (X.690, 8.3.2).
bool is_integer(ByteView contents) noexcept {
    if (contents.size() < 2) return !contents.empty();
    return !(contents[0] == 0x00 && (contents[1] & 0x80) == 0) && !(contents[0] == 0xFF && (contents[1] & 0x80) != 0);
}

// The strings in names: a DirectoryString, or an IA5String, NumericString (RFC 5280, 4.1.2.4 and appendix A).
bool is_string(const DerElement& value) noexcept {
    switch (value.identifier) {
    case 0x0C:                                         // UTF8String
    case 0x12:                                         // NumericString
    case 0x13:                                         // PrintableString
    case 0x14:                                         // TeletexString
    case 0x16: return true;                            // IA5String
    case 0x1C: return value.contents.size() % 4 == 0;  // UniversalString
    case 0x1E: return value.contents.size() % 2 == 0;  // BMPString
    default: return false;
    }
}

// Name ::= SEQUENCE OF SET SIZE (1..) OF SEQUENCE { type OBJECT IDENTIFIER, value } (RFC 5280, 4.1.2.4).
bool is_name(ByteView contents) noexcept {
    for (DerReader names(contents); !names.at_end();) {
        const auto relative = names.take(der::set);
        if (!relative || relative->contents.empty()) return false;
        for (DerReader attributes(relative->contents); !attributes.at_end();) {
            const auto attribute = attributes.take(der::sequence);
            if (!attribute) return false;
            DerReader parts(attribute->contents);
            if (!parts.take_object_identifier()) return false;
            const auto value = parts.take();
            if (!value || !is_string(*value) || !parts.at_end()) return false;
        }
    }
    return true;
}

// Extensions ::= SEQUENCE SIZE (1..) OF SEQUENCE { OBJECT IDENTIFIER, BOOLEAN DEFAULT FALSE, OCTET STRING } (RFC 5280, 4.1).
bool is_extensions(ByteView contents) noexcept {
    const auto list = der_only(contents, der::sequence);
    if (!list || list->empty()) return false;
    for (DerReader extensions(*list); !extensions.at_end();) {
        const auto extension = extensions.take(der::sequence);
        if (!extension) return false;
        DerReader parts(extension->contents);
        if (!parts.take_object_identifier()) return false;
        if (parts.next_is(der::boolean) && parts.take()->contents.size() != 1) return false;
        if (!parts.take(der::octet_string) || !parts.at_end()) return false;
    }
    return true;
}

// The two digits at `at`, or -1.
int two_digits(ByteView text, std::size_t at) noexcept {
    const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : -100; };
    const int value = digit(at) * 10 + digit(at + 1);
    return value >= 0 ? value : -1;
}

int days_of(int year, int month) noexcept {
    static constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

// YYYYMMDD of a UTCTime YYMMDDhhmmssZ or a GeneralizedTime YYYYMMDDhhmmssZ (RFC 5280, 4.1.2.5); empty for other forms.
std::string date_of(const DerElement& time) {
    const ByteView text = time.contents;
    const bool utc = time.identifier == der::utc_time;
    if (text.size() != (utc ? 13u : 15u) || text.back() != 'Z') return {};
    const std::size_t at = utc ? 2 : 4;  // position of the month
    const int pair = two_digits(text, at - 2);
    const int century = utc ? (pair >= 50 ? 19 : 20) : two_digits(text, 0);
    const int month = two_digits(text, at), day = two_digits(text, at + 2);
    const int hour = two_digits(text, at + 4), minute = two_digits(text, at + 6), second = two_digits(text, at + 8);
    if (pair < 0 || century < 0 || month < 1 || month > 12 || day < 1 || day > days_of(century * 100 + pair, month)) return {};
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return {};
    std::string date = utc ? std::to_string(century) : std::string();
    date.append(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at + 4));
    return date;
}

bool read_validity(ByteView contents, Certificate& certificate) {
    DerReader reader(contents);
    for (std::string* date : {&certificate.start_date, &certificate.end_date}) {
        const auto time = reader.take();
        if (!time || (time->identifier != der::utc_time && time->identifier != der::generalized_time)) return false;
        *date = date_of(*time);
    }
    return reader.at_end();
}

// issuerUniqueID, subjectUniqueID and extensions, all optional (RFC 5280, 4.1).
bool is_optional_part(DerReader reader) noexcept {
    for (const unsigned number : {1u, 2u})
        if (reader.next_is(der::context_primitive(number)) && !reader.take()) return false;
    if (reader.next_is(der::context_constructed(3))) {
        const auto extensions = reader.take();
        if (!extensions || !is_extensions(extensions->contents)) return false;
    }
    return reader.at_end();
}

// TBSCertificate (RFC 5280, 4.1). `algorithm` is the outer AlgorithmIdentifier: this one must be the same.
bool read_signed_part(ByteView contents, ByteView algorithm, Certificate& certificate) {
    DerReader reader(contents);
    if (reader.next_is(der::context_constructed(0))) {
        const auto version = reader.take();
        const auto number = version ? der_only(version->contents, der::integer) : std::nullopt;
        if (!number || number->size() != 1 || number->front() > 2) return false;
    }
    const auto serial_number = reader.take(der::integer);
    if (!serial_number || !is_integer(serial_number->contents)) return false;
    const auto same_algorithm = reader.take(der::sequence);
    if (!same_algorithm || !std::ranges::equal(same_algorithm->whole, algorithm)) return false;
    const auto issuer = reader.take(der::sequence);
    if (!issuer || !is_name(issuer->contents)) return false;
    const auto validity = reader.take(der::sequence);
    if (!validity || !read_validity(validity->contents, certificate)) return false;
    const auto subject = reader.take(der::sequence);
    if (!subject || !is_name(subject->contents)) return false;
    const auto key = reader.take(der::sequence);
    if (!key || !read_public_key(key->contents, certificate.key)) return false;
    if (!is_optional_part(reader)) return false;
    certificate.serial_number = copy(serial_number->whole);
    certificate.issuer = copy(issuer->whole);
    certificate.subject = copy(subject->whole);
    certificate.public_key_info = copy(key->whole);
    return true;
}

}  // namespace

std::shared_ptr<const Certificate> parse_certificate(ByteView der) {
    const auto contents = der_only(der, der::sequence);
    if (!contents) return nullptr;
    DerReader reader(*contents);
    const auto signed_part = reader.take(der::sequence);
    const auto algorithm = reader.take(der::sequence);
    const auto signature = reader.take(der::bit_string);
    if (!signed_part || !algorithm || !signature || !reader.at_end()) return nullptr;
    DerReader algorithm_parts(algorithm->contents);
    const auto octets = der_whole_octets(signature->contents);
    if (!algorithm_parts.take_object_identifier() || !octets) return nullptr;

    auto certificate = std::make_shared<Certificate>();
    if (!read_signed_part(signed_part->contents, algorithm->whole, *certificate)) return nullptr;
    certificate->der = copy(der);
    certificate->signature_algorithm = copy(algorithm->whole);
    certificate->signature = copy(*octets);
    certificate->signed_part_offset = static_cast<std::size_t>(signed_part->whole.data() - der.data());
    certificate->signed_part_size = signed_part->whole.size();
    return certificate;
}

}  // namespace jpki
