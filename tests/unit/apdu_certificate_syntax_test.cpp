// A certificate with one element that X.690 or RFC 5280 does not allow there is rejected, and its neighbour that they allow is
// not.
#include "apdu/certificate.hpp"

#include "der_elements.hpp"
#include "openssl_certificates.hpp"
#include "scripted_link.hpp"

#include <string>

using namespace jpki;
using namespace jpki::test;
using apdu_test::hex;

namespace {

// The elements of a certificate, in order (RFC 5280, 4.1).
struct Elements {
    Bytes version = element(0xA0, hex("020102")), serial_number, inner_algorithm, issuer, validity, subject, key, optional;
    Bytes outer_algorithm, signature, after_signature;

    std::shared_ptr<const Certificate> read() const {
        const Bytes signed_part =
            element(0x30, joined({version, serial_number, inner_algorithm, issuer, validity, subject, key, optional}));
        return parse_certificate(element(0x30, joined({signed_part, outer_algorithm, signature, after_signature})));
    }
};

// A valid certificate without extensions.
const Elements& valid() {
    static const Elements elements = [] {
        const Key key = rsa_key(1024);
        const auto certificate = parse_certificate(der_of<X509>(make_certificate(key.get(), key.get()).get(), i2d_X509));
        BOOST_REQUIRE(certificate);
        Elements of;
        of.serial_number = certificate->serial_number;
        of.inner_algorithm = of.outer_algorithm = certificate->signature_algorithm;
        of.issuer = certificate->issuer;
        of.validity = element(0x30, joined({element(0x17, "200101000000Z"), element(0x17, "300630235959Z")}));
        of.subject = certificate->subject;
        of.key = certificate->public_key_info;
        of.signature = element(0x03, joined({{0x00}, certificate->signature}));
        return of;
    }();
    return elements;
}

void check(Bytes Elements::*part, const Bytes& replacement, bool accepted) {
    Elements changed = valid();
    changed.*part = replacement;
    BOOST_CHECK_EQUAL(changed.read() != nullptr, accepted);
}

const Bytes common_name = hex("0603550403");

// A name of one SET of one attribute, the contents of whose SEQUENCE these are.
Bytes name_of(const Bytes& attribute) { return element(0x30, element(0x31, element(0x30, attribute))); }
Bytes extensions_of(const Bytes& list) { return element(0xA3, element(0x30, list)); }
Bytes validity_of(const Bytes& start) { return element(0x30, joined({start, element(0x17, "300630235959Z")})); }

}  // namespace

BOOST_AUTO_TEST_SUITE(certificate_syntax)

BOOST_AUTO_TEST_CASE(valid_certificate_is_read_from_its_elements) {
    const auto certificate = valid().read();
    BOOST_REQUIRE(certificate);
    BOOST_CHECK_EQUAL(certificate->start_date, "20200101");
    BOOST_CHECK_EQUAL(certificate->end_date, "20300630");
}

BOOST_AUTO_TEST_CASE(serial_number_is_a_minimal_integer) {
    for (const char* good : {"020100", "02017F", "02020080", "020180", "0202FF7F"})
        check(&Elements::serial_number, hex(good), true);
    for (const char* bad : {"0200", "02020001", "02020000", "0202FF80", "0202FFFF", "040101"})
        BOOST_TEST_CONTEXT(bad) check(&Elements::serial_number, hex(bad), false);
}

BOOST_AUTO_TEST_CASE(version_is_one_to_three) {
    for (const char* good : {"020100", "020101", "020102"}) check(&Elements::version, element(0xA0, hex(good)), true);
    check(&Elements::version, {}, true);
    for (const char* bad : {"020103", "02020002", "0200", "", "020102020102", "040102"})
        BOOST_TEST_CONTEXT(bad) check(&Elements::version, element(0xA0, hex(bad)), false);
}

BOOST_AUTO_TEST_CASE(names_consist_of_attributes_with_one_string) {
    for (const auto part : {&Elements::issuer, &Elements::subject}) {
        check(part, name_of(joined({common_name, element(0x0C, "holder")})), true);
        check(part, name_of(joined({common_name, element(0x1E, "ab")})), true);
        check(part, name_of(joined({common_name, element(0x1C, "abcd")})), true);
        check(part, element(0x30, Bytes{}), true);
        for (const Bytes& bad : {name_of(joined({common_name, hex("020105")})),                               // an INTEGER
                                 name_of(common_name),                                                        // no value
                                 name_of(element(0x0C, "holder")),                                            // no type
                                 name_of(joined({common_name, element(0x0C, "one"), element(0x0C, "two")})),  // two values
                                 name_of(joined({common_name, element(0x1E, "abc")})),                        // half a character
                                 name_of(joined({common_name, element(0x1C, "abcdef")})),                     //
                                 element(0x30, element(0x31, Bytes{})),                                       // an empty SET
                                 element(0x30, element(0x31, joined({common_name, element(0x0C, "holder")}))),   // no SEQUENCE
                                 element(0x30, element(0x30, joined({common_name, element(0x0C, "holder")})))})  // no SET
            check(part, bad, false);
    }
}

BOOST_AUTO_TEST_CASE(extensions_are_a_list_of_at_least_one_octet_string) {
    const Bytes oid = hex("0603551D0F"), critical = hex("0101FF"), value = hex("0403030106");
    check(&Elements::optional, extensions_of(element(0x30, joined({oid, critical, value}))), true);
    check(&Elements::optional, extensions_of(element(0x30, joined({oid, value}))), true);
    for (const Bytes& bad : {extensions_of({}), extensions_of(element(0x30, joined({oid, hex("0102FFFF"), value}))),
                             extensions_of(element(0x30, joined({oid, hex("0100"), value}))),
                             extensions_of(element(0x30, joined({oid, value, value}))), extensions_of(element(0x30, oid)),
                             extensions_of(element(0x30, value)), extensions_of(element(0x31, joined({oid, value}))),
                             element(0xA3, Bytes{}), element(0xA4, element(0x30, element(0x30, joined({oid, value}))))})
        check(&Elements::optional, bad, false);
}

BOOST_AUTO_TEST_CASE(validity_is_two_times) {
    const Bytes time = element(0x17, "200101000000Z");
    check(&Elements::validity, element(0x30, joined({time, time})), true);
    check(&Elements::validity, element(0x30, joined({time, time, time})), false);
    check(&Elements::validity, element(0x30, time), false);
    check(&Elements::validity, validity_of(element(0x16, "200101000000Z")), false);  // an IA5String
}

BOOST_AUTO_TEST_CASE(days_of_february_follow_the_gregorian_calendar) {
    const struct {
        const char *time, *date;
    } rows[] = {{"20200229000000Z", "20200229"}, {"21000229000000Z", ""},         {"19000229000000Z", ""},
                {"20000229000000Z", "20000229"}, {"21000228000000Z", "21000228"}, {"20230229000000Z", ""}};
    for (const auto& row : rows) {
        Elements changed = valid();
        changed.validity = validity_of(element(0x18, row.time));
        const auto certificate = changed.read();
        BOOST_REQUIRE(certificate);
        BOOST_CHECK_EQUAL(certificate->start_date, row.date);
    }
}

BOOST_AUTO_TEST_CASE(months_are_one_to_twelve) {
    Elements changed = valid();
    for (int month = 0; month < 100; ++month) {
        const std::string digits{static_cast<char>('0' + month / 10), static_cast<char>('0' + month % 10)};
        changed.validity = validity_of(element(0x17, "20" + digits + "01000000Z"));
        const auto certificate = changed.read();
        BOOST_REQUIRE(certificate);
        BOOST_CHECK_EQUAL(certificate->start_date, month >= 1 && month <= 12 ? "2020" + digits + "01" : "");
    }
}

BOOST_AUTO_TEST_CASE(both_signature_algorithms_are_the_same) {
    const Bytes sha384_rsa = element(0x30, hex("06092A864886F70D01010C0500"));
    check(&Elements::inner_algorithm, sha384_rsa, false);
    check(&Elements::outer_algorithm, sha384_rsa, false);
}

BOOST_AUTO_TEST_CASE(signature_is_whole_octets_and_the_last_element) {
    check(&Elements::signature, element(0x03, hex("00FF00")), true);
    for (const char* bad : {"030201FE", "0300", "0403001122"})
        BOOST_TEST_CONTEXT(bad) check(&Elements::signature, hex(bad), false);
    check(&Elements::after_signature, hex("0500"), false);
}

BOOST_AUTO_TEST_CASE(public_key_info_is_an_algorithm_with_at_most_one_parameter_and_a_bit_string) {
    const Bytes oid = hex("06092A864886F70D010101"), null = hex("0500"), bits = hex("030200AB");
    const auto key = [](const Bytes& algorithm, const Bytes& rest) {
        return element(0x30, joined({element(0x30, algorithm), rest}));
    };
    check(&Elements::key, key(joined({oid, null}), bits), true);
    check(&Elements::key, key(oid, bits), true);
    check(&Elements::key, key(joined({oid, null}), hex("030207AB")), true);
    for (const Bytes& bad : {key(joined({oid, null, null}), bits), key(null, bits), key(joined({oid, null}), hex("030208AB")),
                             key(joined({oid, null}), hex("0300")), key(joined({oid, null}), joined({bits, null})),
                             key(joined({oid, hex("0501")}), bits)})
        check(&Elements::key, bad, false);
}

BOOST_AUTO_TEST_SUITE_END()
