// DER of one form only (X.690, clause 10): elements, object identifiers, integers, bit strings, and public keys made of them.
#include "apdu/der.hpp"
#include "apdu/public_key_info.hpp"

#include "der_elements.hpp"
#include "scripted_link.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace jpki;
using apdu_test::hex;
using jpki::test::element;
using jpki::test::joined;

namespace {

const Bytes null = hex("0500");
const Bytes rsa_encryption = hex("06092A864886F70D010101"), ec_public_key = hex("06072A8648CE3D0201");
const Bytes p256 = hex("06082A8648CE3D030107");

// The type of the key in a SubjectPublicKeyInfo.
KeyType type_of(const Bytes& oid, const Bytes& parameters, const Bytes& octets) {
    PublicKey key;
    const Bytes info = joined({element(0x30, joined({oid, parameters})), element(0x03, joined({{0x00}, octets}))});
    BOOST_REQUIRE(read_public_key(info, key));
    return key.type;
}

Bytes number(const char* leading, std::size_t size, std::uint8_t last) {
    Bytes bytes = hex(leading);
    bytes.resize(bytes.size() + size, 0x5A);
    bytes.back() = last;
    return element(0x02, bytes);
}

KeyType rsa(const Bytes& modulus, const Bytes& exponent) {
    return type_of(rsa_encryption, null, element(0x30, joined({modulus, exponent})));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(der_reader)

BOOST_AUTO_TEST_CASE(object_identifier_whose_last_number_does_not_end_is_rejected) {
    for (const char* bad : {"060186", "06022A86", "06042A8648CE", "06042A86488F"}) {
        const Bytes input = hex(bad);
        BOOST_CHECK_MESSAGE(!DerReader(input).take_object_identifier(), bad);
    }
    const Bytes good = hex("06032A8648");
    BOOST_CHECK(DerReader(good).take_object_identifier());
}

BOOST_AUTO_TEST_CASE(element_with_another_form_of_identifier_or_length_is_rejected) {
    for (const char* bad : {"", "30", "3001", "3080", "30800000", "308000", "308100", "3082000100", "30FF", "1F0A00", "1F0A0100",
                            "3F1000", "1F81010100", "BF8A0B0100"}) {
        const Bytes input = hex(bad);
        DerReader reader(input);
        BOOST_CHECK_MESSAGE(!reader.take(), bad);
        BOOST_CHECK_EQUAL(reader.at_end(), input.empty());
    }
    const Bytes input = hex("30020500AA");
    DerReader reader(input);
    BOOST_CHECK(!reader.take(0x31));
    const auto taken = reader.take(0x30);
    BOOST_REQUIRE(taken);
    BOOST_CHECK(std::ranges::equal(taken->contents, null));
    BOOST_CHECK(!reader.at_end());
    BOOST_CHECK(!der_only(input, 0x30));
    BOOST_CHECK(der_only(hex("30020500"), 0x30));
}

BOOST_AUTO_TEST_CASE(object_identifier_is_whole_and_minimal) {
    for (const char* good : {"06012A", "0603550403", "06042A868D20"}) {
        const Bytes input = hex(good);
        BOOST_CHECK_MESSAGE(DerReader(input).take_object_identifier(), good);
    }
    for (const char* bad : {"0600", "060180", "06022A80", "06032A8001", "06038001AA", "06042A808601", "05012A"}) {
        const Bytes input = hex(bad);
        BOOST_CHECK_MESSAGE(!DerReader(input).take_object_identifier(), bad);
    }
}

BOOST_AUTO_TEST_CASE(integer_is_positive_and_minimal) {
    for (const char* bad : {"", "00", "80", "FF01", "0001", "007F"}) {
        const Bytes contents = hex(bad);
        BOOST_CHECK_MESSAGE(!der_positive_integer(contents), bad);
    }
    const Bytes sign = hex("0080"), plain = hex("7F00");
    BOOST_CHECK(std::ranges::equal(der_positive_integer(sign).value(), hex("80")));
    BOOST_CHECK(std::ranges::equal(der_positive_integer(plain).value(), plain));
}

BOOST_AUTO_TEST_CASE(bit_string_with_unused_bits_is_not_whole_octets) {
    for (const char* bad : {"", "01FE", "0780"}) {
        const Bytes contents = hex(bad);
        BOOST_CHECK_MESSAGE(!der_whole_octets(contents), bad);
    }
    const Bytes whole = hex("00FE");
    BOOST_CHECK(std::ranges::equal(der_whole_octets(whole).value(), hex("FE")));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(public_key_info)

BOOST_AUTO_TEST_CASE(modulus_has_512_to_16384_bits_and_is_odd) {
    const Bytes exponent = hex("0203010001");
    BOOST_CHECK(rsa(number("0080", 63, 0x01), exponent) == KeyType::rsa);     // 512 bits
    BOOST_CHECK(rsa(number("7F", 63, 0x01), exponent) == KeyType::other);     // 511
    BOOST_CHECK(rsa(number("0080", 2047, 0x01), exponent) == KeyType::rsa);   // 16384
    BOOST_CHECK(rsa(number("01", 2048, 0x01), exponent) == KeyType::other);   // 16385
    BOOST_CHECK(rsa(number("0080", 255, 0x02), exponent) == KeyType::other);  // even
    BOOST_CHECK(rsa(number("80", 255, 0x01), exponent) == KeyType::other);    // negative
}

BOOST_AUTO_TEST_CASE(public_exponent_is_odd_greater_than_one_and_of_at_most_64_bits) {
    const Bytes modulus = number("0080", 255, 0x01);
    for (const char* good : {"020103", "0203010001", "020900FFFFFFFFFFFFFFFF"})
        BOOST_CHECK_MESSAGE(rsa(modulus, hex(good)) == KeyType::rsa, good);
    for (const char* bad : {"020101", "020100", "020102", "0203010000", "0209010000000000000001", "0200", "040103"})
        BOOST_CHECK_MESSAGE(rsa(modulus, hex(bad)) == KeyType::other, bad);
}

BOOST_AUTO_TEST_CASE(rsa_key_has_null_parameters_and_two_numbers) {
    const Bytes modulus = number("0080", 255, 0x01), exponent = hex("0203010001");
    const Bytes both = element(0x30, joined({modulus, exponent}));
    BOOST_CHECK(type_of(rsa_encryption, null, both) == KeyType::rsa);
    BOOST_CHECK(type_of(rsa_encryption, {}, both) == KeyType::other);
    BOOST_CHECK(type_of(rsa_encryption, hex("050100"), both) == KeyType::other);
    BOOST_CHECK(type_of(rsa_encryption, p256, both) == KeyType::other);
    BOOST_CHECK(type_of(rsa_encryption, null, element(0x30, joined({modulus, exponent, null}))) == KeyType::other);
    BOOST_CHECK(type_of(rsa_encryption, null, element(0x30, modulus)) == KeyType::other);
    BOOST_CHECK(type_of(rsa_encryption, null, joined({both, null})) == KeyType::other);
}

BOOST_AUTO_TEST_CASE(point_is_uncompressed_and_has_the_length_of_a_named_curve) {
    const auto point = [](std::uint8_t form, std::size_t size) {
        Bytes octets(1 + size, 0x11);
        octets[0] = form;
        return octets;
    };
    BOOST_CHECK(type_of(ec_public_key, p256, point(0x04, 64)) == KeyType::ec);
    for (const std::size_t size : {0u, 32u, 63u, 65u, 96u})
        BOOST_CHECK(type_of(ec_public_key, p256, point(0x04, size)) == KeyType::other);
    for (const int form : {0x00, 0x02, 0x03, 0x06, 0x07})
        BOOST_CHECK(type_of(ec_public_key, p256, point(static_cast<std::uint8_t>(form), 64)) == KeyType::other);
    BOOST_CHECK(type_of(ec_public_key, p256, {}) == KeyType::other);
    BOOST_CHECK(type_of(ec_public_key, null, point(0x04, 64)) == KeyType::other);
    BOOST_CHECK(type_of(ec_public_key, {}, point(0x04, 64)) == KeyType::other);
}

BOOST_AUTO_TEST_CASE(parameters_of_a_signature_algorithm_are_null_or_absent_as_its_standard_says) {
    const Bytes rsa_oid = hex("06092A864886F70D01010B"), ecdsa_oid = hex("06082A8648CE3D040303");
    const auto known = [](std::initializer_list<Bytes> parts) {
        const Bytes identifier = element(0x30, joined(parts));
        return find_signature_algorithm(identifier) != nullptr;
    };
    BOOST_CHECK(known({rsa_oid, null}));
    BOOST_CHECK(known({rsa_oid}));
    BOOST_CHECK(known({ecdsa_oid}));
    BOOST_CHECK(!known({ecdsa_oid, null}));
    BOOST_CHECK(!known({rsa_oid, hex("050100")}));
    BOOST_CHECK(!known({rsa_oid, null, null}));
    BOOST_CHECK(!known({rsa_oid, rsa_oid}));
    BOOST_CHECK(!known({rsa_encryption, null}));
    BOOST_CHECK(!known({null}));
}

BOOST_AUTO_TEST_SUITE_END()
