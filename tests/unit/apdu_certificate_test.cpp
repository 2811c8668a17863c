// Reading certificates: every field equals that of OpenSSL's X509, and anything but exactly one certificate is rejected.
#include "apdu/certificate.hpp"

#include "openssl_certificates.hpp"
#include "test_pki.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <openssl/err.h>
#include <random>

using namespace jpki;
using namespace jpki::test;

namespace {

Bytes number_of(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    BOOST_REQUIRE(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
    BN_bn2bin(number, bytes.data());
    BN_free(number);
    return bytes;
}

std::string date_of(const ASN1_TIME* time) {
    std::tm tm{};
    if (ASN1_TIME_to_tm(time, &tm) != 1) return {};
    char text[16];
    return std::strftime(text, sizeof text, "%Y%m%d", &tm) == 8 ? text : "";
}

void check_key(const PublicKey& key, X509* x509) {
    const EVP_PKEY* const theirs = X509_get0_pubkey(x509);
    ERR_clear_error();
    if (key.type == KeyType::other) return;
    BOOST_REQUIRE(theirs != nullptr || key.type == KeyType::ec);  // our parser does not check that a point is on its curve
    if (!theirs) return;
    BOOST_CHECK_EQUAL(EVP_PKEY_is_a(theirs, key.type == KeyType::rsa ? "RSA" : "EC"), 1);
    BOOST_CHECK_EQUAL(key.bits, static_cast<std::size_t>(EVP_PKEY_get_bits(theirs)));
    if (key.type == KeyType::rsa) {
        BOOST_CHECK(key.modulus == number_of(theirs, OSSL_PKEY_PARAM_RSA_N));
        BOOST_CHECK(key.public_exponent == number_of(theirs, OSSL_PKEY_PARAM_RSA_E));
    } else {
        unsigned char point[200];
        std::size_t size = 0;
        BOOST_REQUIRE(EVP_PKEY_get_octet_string_param(theirs, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) == 1);
        BOOST_CHECK(key.ec_point == Bytes(point, point + size));
        char group[64];
        BOOST_REQUIRE(EVP_PKEY_get_group_name(theirs, group, sizeof group, &size) == 1);
        const std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>> oid(OBJ_txt2obj(group, 0));
        BOOST_CHECK(key.ec_parameters == der_of<ASN1_OBJECT>(oid.get(), i2d_ASN1_OBJECT));
    }
}

// `certificate` was read from `der`.
void check_fields(const Certificate& certificate, ByteView der, X509* x509) {
    BOOST_CHECK(std::ranges::equal(certificate.der, der));
    BOOST_CHECK(certificate.subject == der_of<X509_NAME>(X509_get_subject_name(x509), i2d_X509_NAME));
    BOOST_CHECK(certificate.issuer == der_of<X509_NAME>(X509_get_issuer_name(x509), i2d_X509_NAME));
    BOOST_CHECK(certificate.serial_number == der_of<ASN1_INTEGER>(X509_get0_serialNumber(x509), i2d_ASN1_INTEGER));
    BOOST_CHECK(certificate.public_key_info == der_of<X509_PUBKEY>(X509_get_X509_PUBKEY(x509), i2d_X509_PUBKEY));
    // Times with offsets or without seconds are BER's: OpenSSL accepts them, our parser returns no date.
    const std::string start = date_of(X509_get0_notBefore(x509)), end = date_of(X509_get0_notAfter(x509));
    BOOST_CHECK(certificate.start_date == start || certificate.start_date.empty());
    BOOST_CHECK(certificate.end_date == end || certificate.end_date.empty());
    const ASN1_BIT_STRING* signature = nullptr;
    const X509_ALGOR* algorithm = nullptr;
    X509_get0_signature(&signature, &algorithm, x509);
    BOOST_CHECK(std::ranges::equal(certificate.signature, ByteView(ASN1_STRING_get0_data(signature),
                                                                   static_cast<std::size_t>(ASN1_STRING_length(signature)))));
    BOOST_CHECK(certificate.signature_algorithm == der_of<X509_ALGOR>(algorithm, i2d_X509_ALGOR));
    unsigned char* tbs = nullptr;
    const int size = i2d_re_X509_tbs(x509, &tbs);
    BOOST_CHECK(size > 0 && std::ranges::equal(certificate.signed_part(), ByteView(tbs, static_cast<std::size_t>(size))));
    OPENSSL_free(tbs);
    check_key(certificate.key, x509);
}

// Reads `der` with both parsers. Returns ours.
std::shared_ptr<const Certificate> read_both_ways(ByteView der) {
    const auto certificate = parse_certificate(der);
    if (certificate) {
        const X509Pointer x509 = openssl_reads(der);
        // OpenSSL also checks the characters of names and the parameters of algorithms.
        if (x509) check_fields(*certificate, der, x509.get());
    }
    ERR_clear_error();
    return certificate;
}

Bytes der_of_certificate(const X509Pointer& certificate) { return der_of<X509>(certificate.get(), i2d_X509); }

// The position of `part` in `all`. Not std::ranges::search, whose result clang 14 cannot compile with this library.
template <class All, class Part> auto position(All& all, const Part& part) {
    const auto at = std::search(all.begin(), all.end(), std::begin(part), std::end(part));
    BOOST_REQUIRE(at != all.end());
    return at;
}

// Bytes of `text` in `der` replaced by `by`, which is as long.
Bytes replaced(Bytes der, std::string_view text, std::string_view by) {
    BOOST_REQUIRE(text.size() == by.size());
    std::ranges::copy(by, position(der, text));
    return der;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(certificate)

BOOST_AUTO_TEST_CASE(fields_of_test_certificates_equal_those_of_openssl) {
    const auto pki = model::TestPki::shared();
    for (const auto* der :
         {&pki->authentication_certificate, &pki->signature_certificate, &pki->authentication_ca, &pki->signature_ca}) {
        const auto certificate = read_both_ways(*der);
        BOOST_REQUIRE(certificate != nullptr);
        BOOST_CHECK(certificate->key.type == KeyType::rsa);
        BOOST_CHECK_EQUAL(certificate->key.bits, 2048u);
        BOOST_CHECK_EQUAL(certificate->start_date.size(), 8u);
        BOOST_CHECK_EQUAL(certificate->end_date.size(), 8u);
    }
}

BOOST_AUTO_TEST_CASE(key_types_sizes_and_parameters_come_from_public_key_info) {
    const Key issuer = rsa_key(2048);
    const struct {
        Key key;
        KeyType type;
        std::size_t bits;
    } rows[] = {{rsa_key(1024), KeyType::rsa, 1024},      {odd_rsa_key(1025), KeyType::rsa, 1025},
                {rsa_key(3072), KeyType::rsa, 3072},      {ec_key("P-256"), KeyType::ec, 256},
                {ec_key("P-384"), KeyType::ec, 384},      {ec_key("P-521"), KeyType::ec, 521},
                {ec_key("secp256k1"), KeyType::other, 0}, {ed25519_key(), KeyType::other, 0}};
    for (const auto& row : rows) {
        const auto certificate = read_both_ways(der_of_certificate(make_certificate(row.key.get(), issuer.get())));
        BOOST_REQUIRE(certificate != nullptr);
        BOOST_CHECK(certificate->key.type == row.type);
        BOOST_CHECK_EQUAL(certificate->key.bits, row.bits);
    }
}

BOOST_AUTO_TEST_CASE(certificate_with_unsupported_key_is_read_with_key_type_other) {
    const Key issuer = rsa_key(2048), curve = ec_key("P-384");
    const Bytes rsa = der_of_certificate(make_certificate(issuer.get(), issuer.get()));
    Bytes even_modulus = rsa, wrong_oid = rsa;
    const Bytes modulus = number_of(issuer.get(), OSSL_PKEY_PARAM_RSA_N);
    position(even_modulus, modulus)[static_cast<std::ptrdiff_t>(modulus.size()) - 1] &= 0xFE;
    static constexpr std::uint8_t rsa_encryption[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
    position(wrong_oid, rsa_encryption)[sizeof rsa_encryption - 1] = 0x7F;
    Bytes compressed = der_of_certificate(make_certificate(curve.get(), issuer.get()));
    static constexpr std::uint8_t point_start[] = {0x03, 0x62, 0x00, 0x04};
    position(compressed, point_start)[sizeof point_start - 1] = 0x06;
    for (const Bytes* der : {&even_modulus, &wrong_oid, &compressed}) {
        const auto certificate = parse_certificate(*der);
        BOOST_REQUIRE(certificate != nullptr);
        BOOST_CHECK(certificate->key.type == KeyType::other);
        BOOST_CHECK_EQUAL(certificate->key.bits, 0u);
        BOOST_CHECK(certificate->key.modulus.empty() && certificate->key.ec_point.empty());
        BOOST_CHECK(!certificate->subject.empty() && !certificate->public_key_info.empty());
    }
}

BOOST_AUTO_TEST_CASE(dates_are_read_from_utc_time_and_generalized_time) {
    const Key key = rsa_key(1024);
    const struct {
        const char *from, *to, *start, *end;
    } rows[] = {{"20200229000000Z", "20491231235959Z", "20200229", "20491231"},
                {"19500101000000Z", "20500101000000Z", "19500101", "20500101"},
                {"19991231235959Z", "21000228120000Z", "19991231", "21000228"}};
    for (const auto& row : rows) {
        CertificateOptions options;
        options.not_before = row.from;
        options.not_after = row.to;
        const auto certificate = read_both_ways(der_of_certificate(make_certificate(key.get(), key.get(), options)));
        BOOST_REQUIRE(certificate != nullptr);
        BOOST_CHECK_EQUAL(certificate->start_date, row.start);
        BOOST_CHECK_EQUAL(certificate->end_date, row.end);
    }
}

BOOST_AUTO_TEST_CASE(date_that_does_not_exist_is_empty) {
    const Key key = rsa_key(1024);
    const Bytes good = der_of_certificate(make_certificate(key.get(), key.get()));
    for (const char* bad :
         {"200001000000Z", "201301000000Z", "200100000000Z", "200230000000Z", "210229000000Z", "200101240000Z", "200101006000Z",
          "200101000060Z", "20010100000 Z", "20010100000/Z", "200101000000z", "2001010000+00"}) {
        const auto certificate = read_both_ways(replaced(good, "200101000000Z", bad));
        BOOST_REQUIRE(certificate != nullptr);
        BOOST_CHECK_MESSAGE(certificate->start_date.empty(), bad << " was read as " << certificate->start_date);
        BOOST_CHECK_EQUAL(certificate->end_date, "20300630");
    }
}

BOOST_AUTO_TEST_CASE(versions_serial_numbers_and_signature_algorithms_of_any_kind_are_read) {
    const Key rsa = rsa_key(2048), ec = ec_key("P-384"), edwards = ed25519_key();
    const auto read = [&](EVP_PKEY* issuer, const CertificateOptions& options) {
        BOOST_CHECK(read_both_ways(der_of_certificate(make_certificate(rsa.get(), issuer, options))) != nullptr);
    };
    for (const long number : {0L, 1L, 0x7FL, 0x80L, 0xFFFFL, -1L, -0x80L, -0x8001L}) read(rsa.get(), {.serial_number = number});
    for (const long version : {0L, 1L, 2L}) read(rsa.get(), {.version = version});
    for (const char* hash : {"SHA1", "SHA384", "SHA512"}) read(rsa.get(), {.hash = hash});
    read(rsa.get(), {.pss = true});
    read(ec.get(), {.hash = "SHA384"});
    read(edwards.get(), {.hash = nullptr});
}

BOOST_AUTO_TEST_CASE(truncated_and_extended_inputs_are_rejected) {
    const auto pki = model::TestPki::shared();
    for (const auto* der : {&pki->authentication_certificate, &pki->signature_certificate}) {
        for (std::size_t size = 0; size < der->size(); ++size) {
            // A copy of exactly that size, so that AddressSanitizer detects a read beyond it.
            const Bytes part(der->begin(), der->begin() + static_cast<std::ptrdiff_t>(size));
            BOOST_REQUIRE(parse_certificate(part) == nullptr);
        }
        Bytes longer(der->begin(), der->end());
        longer.push_back(0x00);
        BOOST_CHECK(parse_certificate(longer) == nullptr);
    }
}

BOOST_AUTO_TEST_CASE(lengths_that_der_forbids_are_rejected) {
    const Key key = rsa_key(1024);
    const Bytes good = der_of_certificate(make_certificate(key.get(), key.get()));
    BOOST_REQUIRE(parse_certificate(good) != nullptr);
    BOOST_REQUIRE_EQUAL(static_cast<int>(good[1]), 0x82);
    // One octet more than the length needs, of the outermost SEQUENCE.
    Bytes padded = good;
    padded[1] = 0x83;
    padded.insert(padded.begin() + 2, 0x00);
    BOOST_CHECK(openssl_reads(padded) != nullptr);
    BOOST_CHECK(parse_certificate(padded) == nullptr);
    // An indefinite length with an end-of-contents.
    Bytes indefinite = good;
    indefinite.erase(indefinite.begin() + 1, indefinite.begin() + 4);
    indefinite.insert(indefinite.begin() + 1, 0x80);
    indefinite.insert(indefinite.end(), {0x00, 0x00});
    BOOST_CHECK(openssl_reads(indefinite) != nullptr);
    BOOST_CHECK(parse_certificate(indefinite) == nullptr);
    // Lengths larger than any memory.
    for (const int octets : {0x84, 0x88, 0xFE, 0xFF}) {
        Bytes huge = good;
        huge[1] = static_cast<std::uint8_t>(octets);
        std::fill(huge.begin() + 2, huge.begin() + 20, 0xFF);
        BOOST_CHECK(parse_certificate(huge) == nullptr);
    }
}

BOOST_AUTO_TEST_CASE(changed_certificate_that_both_accept_is_read_as_openssl_reads_it) {
    const auto pki = model::TestPki::shared();
    std::mt19937 random(20260127);
    for (const auto* der : {&pki->signature_certificate, &pki->authentication_ca}) {
        std::size_t accepted = 0;
        for (std::size_t at = 0; at < der->size(); ++at) {
            Bytes changed(der->begin(), der->end());
            changed[at] = static_cast<std::uint8_t>(changed[at] ^ (1 + random() % 255));
            if (read_both_ways(changed)) ++accepted;
        }
        BOOST_CHECK_GT(accepted, der->size() / 3);  // in keys, names and the signature nothing can be rejected
        BOOST_CHECK_LT(accepted, der->size());
    }
}

BOOST_AUTO_TEST_CASE(inputs_found_by_fuzzer_are_read_as_openssl_reads_them) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(JPKI_SOURCE_DIR "/tests/fuzz/corpus/parsers")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
        read_both_ways(Bytes(content.begin(), content.end()));
        ++files;
    }
    BOOST_CHECK_GT(files, 50u);
}

BOOST_AUTO_TEST_CASE(reading_leaves_no_entry_in_hosts_openssl_error_queue) {
    ERR_clear_error();
    for (const Bytes& bad : {Bytes{0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF}, Bytes{0x30, 0x05, 0x00}, Bytes(100, 0xFF)})
        parse_certificate(bad);
    BOOST_CHECK_EQUAL(ERR_peek_error(), 0u);
}

BOOST_AUTO_TEST_SUITE_END()
