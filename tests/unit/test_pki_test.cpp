// The test PKI against apdu/README.md, Certificates.
#include <boost/test/unit_test.hpp>

#include "test_pki.hpp"

#include <openssl/x509v3.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include <sys/stat.h>

using jpki::model::TestPki;

namespace {

using Der = std::vector<std::uint8_t>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate parse(const Der& der) {
    const unsigned char* bytes = der.data();
    Certificate certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())), &X509_free);
    BOOST_REQUIRE(certificate != nullptr);
    BOOST_REQUIRE(bytes == der.data() + der.size());
    return certificate;
}

std::string one_line(const X509_NAME* name) {
    char text[512];
    return X509_NAME_oneline(name, text, sizeof text);
}

std::string policy(X509* certificate) {
    const std::unique_ptr<CERTIFICATEPOLICIES, decltype(&CERTIFICATEPOLICIES_free)> policies(
        static_cast<CERTIFICATEPOLICIES*>(X509_get_ext_d2i(certificate, NID_certificate_policies, nullptr, nullptr)),
        &CERTIFICATEPOLICIES_free);
    BOOST_REQUIRE(policies != nullptr);
    char text[80];
    OBJ_obj2txt(text, sizeof text, sk_POLICYINFO_value(policies.get(), 0)->policyid, 1);
    return text;
}

bool critical(X509* certificate, int nid) {
    const int at = X509_get_ext_by_NID(certificate, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

bool verifies(X509* certificate, X509* ca) {
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(), &X509_STORE_CTX_free);
    X509_STORE_add_cert(store.get(), ca);
    X509_STORE_set_flags(store.get(), X509_V_FLAG_X509_STRICT);
    X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr);
    return X509_verify_cert(context.get()) == 1;
}

bool near_size(std::size_t size, std::size_t wanted) { return size + 5 >= wanted && size <= wanted + 5; }

}  // namespace

BOOST_AUTO_TEST_SUITE(pki)

BOOST_AUTO_TEST_CASE(certificates_have_size_of_real_certificates) {
    const auto shared = TestPki::shared();
    BOOST_TEST(near_size(shared->authentication_certificate.size(), 1570));
    BOOST_TEST(near_size(shared->signature_certificate.size(), 1745));
    BOOST_TEST(near_size(shared->authentication_ca.size(), 1310));
    BOOST_TEST(near_size(shared->signature_ca.size(), 1310));
    BOOST_TEST(shared == TestPki::shared());
}

BOOST_AUTO_TEST_CASE(authentication_certificate_has_no_personal_data) {
    const Certificate certificate = parse(TestPki::shared()->authentication_certificate);
    const std::string subject = one_line(X509_get_subject_name(certificate.get()));
    BOOST_TEST(subject.starts_with("/C=JP/CN="));
    BOOST_TEST(X509_get_key_usage(certificate.get()) == std::uint32_t{KU_DIGITAL_SIGNATURE});
    BOOST_TEST(critical(certificate.get(), NID_key_usage));
    BOOST_TEST(policy(certificate.get()) == "1.2.392.200149.8.5.1.3.30");
    BOOST_TEST(X509_get_ext_by_NID(certificate.get(), NID_subject_alt_name, -1) == -1);
    BOOST_TEST(X509_get_signature_nid(certificate.get()) == NID_sha256WithRSAEncryption);
}

BOOST_AUTO_TEST_CASE(signature_certificate_names_its_holder) {
    const Certificate certificate = parse(TestPki::shared()->signature_certificate);
    BOOST_TEST(one_line(X509_get_subject_name(certificate.get())).starts_with("/C=JP/L="));
    BOOST_TEST(X509_get_key_usage(certificate.get()) == std::uint32_t{KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION});
    BOOST_TEST(critical(certificate.get(), NID_key_usage));
    BOOST_TEST(policy(certificate.get()) == "1.2.392.200149.8.5.1.1.20");
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free);
    BOOST_REQUIRE(names != nullptr);
    BOOST_REQUIRE(sk_GENERAL_NAME_num(names.get()) == 6);
    for (int i = 0; i < 6; ++i) {
        ASN1_OBJECT* oid = nullptr;
        ASN1_TYPE* value = nullptr;
        BOOST_REQUIRE(GENERAL_NAME_get0_otherName(sk_GENERAL_NAME_value(names.get(), i), &oid, &value) == 1);
        char text[80];
        OBJ_obj2txt(text, sizeof text, oid, 1);
        BOOST_TEST(std::string(text) == "1.2.392.200149.8.5.5." + std::to_string(i + 1));
        BOOST_TEST(value->type == V_ASN1_UTF8STRING);
        if (i == 0) {
            const ASN1_UTF8STRING* name = value->value.utf8string;
            BOOST_TEST(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                                   static_cast<std::size_t>(ASN1_STRING_length(name))) == TestPki::Options{}.name);
        }
    }
}

BOOST_AUTO_TEST_CASE(cas_are_self_signed_and_issued_certificates) {
    const auto shared = TestPki::shared();
    const Certificate authentication_ca = parse(shared->authentication_ca), signature_ca = parse(shared->signature_ca);
    BOOST_TEST(one_line(X509_get_subject_name(authentication_ca.get())) ==
               "/C=JP/O=JPKI/OU=JPKI for user authentication/OU=Japan Agency for Local Authority Information Systems");
    BOOST_TEST(one_line(X509_get_subject_name(signature_ca.get())) ==
               "/C=JP/O=JPKI/OU=JPKI for digital signature/OU=Japan Agency for Local Authority Information Systems");
    BOOST_TEST(X509_check_ca(authentication_ca.get()) == 1);
    BOOST_TEST(verifies(parse(shared->authentication_certificate).get(), authentication_ca.get()));
    BOOST_TEST(verifies(parse(shared->signature_certificate).get(), signature_ca.get()));
    BOOST_TEST(!verifies(parse(shared->signature_certificate).get(), authentication_ca.get()));
}

BOOST_AUTO_TEST_CASE(holders_differ_and_certificates_can_be_expired) {
    TestPki::Options options;
    options.seed = 99;
    options.not_after_days = -10;
    const auto pki = TestPki::make(options);
    BOOST_TEST(pki->authentication_certificate != TestPki::shared()->authentication_certificate);
    const Certificate certificate = parse(pki->authentication_certificate);
    const Certificate shared = parse(TestPki::shared()->authentication_certificate);
    BOOST_TEST(ASN1_TIME_cmp_time_t(X509_get0_notAfter(certificate.get()), std::time(nullptr)) < 0);
    BOOST_TEST(ASN1_TIME_cmp_time_t(X509_get0_notAfter(shared.get()), std::time(nullptr)) > 0);
    BOOST_TEST(one_line(X509_get_subject_name(certificate.get())) != one_line(X509_get_subject_name(shared.get())));
    BOOST_TEST(X509_NAME_cmp(X509_get_issuer_name(certificate.get()), X509_get_issuer_name(shared.get())) == 0);
    BOOST_TEST(!verifies(certificate.get(), parse(pki->authentication_ca).get()));
}

BOOST_AUTO_TEST_CASE(pki_is_loaded_from_its_directory) {
    char pattern[] = "/tmp/jpki-test-pki.XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern) != nullptr);
    const std::string directory = std::string(pattern) + "/pki";
    TestPki::shared()->save(directory);
    const auto loaded = TestPki::load(directory);
    BOOST_TEST(loaded->signature_certificate == TestPki::shared()->signature_certificate);
    BOOST_TEST(EVP_PKEY_eq(loaded->signature_key, TestPki::shared()->signature_key) == 1);
    BOOST_TEST(EVP_PKEY_eq(loaded->authentication_ca_key, TestPki::shared()->authentication_ca_key) == 1);
    struct stat status {};
    BOOST_REQUIRE(stat((directory + "/signature.key").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777) == 0600U);
    std::filesystem::remove(directory + "/signature.key");
    BOOST_CHECK_THROW(TestPki::load(directory), std::runtime_error);
    std::filesystem::remove_all(pattern);
}

BOOST_AUTO_TEST_SUITE_END()
