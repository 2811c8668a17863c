#include "test_certificates.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace jpki::model {

namespace {

constexpr std::size_t ca_size = 1310;
constexpr const char* san_arc = "1.2.392.200149.8.5.5.";

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509V3_set_ctx_nodb(&context);
    const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, OBJ_nid2sn(nid));
}

// A policy with the address of its statement and, as padding up to a size, user notices of filler text.
// A notice has at most 200 characters (RFC 5280, 4.2.1.4).
void add_policy(X509* certificate, const std::string& oid, std::size_t padding) {
    std::string config = "[p]\npolicyIdentifier=" + oid + "\nCPS.1=http://www.jpki.example/cps.html\n";
    std::string notices;
    for (int number = 1; padding > 0; ++number) {
        const std::size_t length = std::min<std::size_t>(padding, 200);
        const std::string section = "n" + std::to_string(number);
        config += "userNotice." + std::to_string(number) + "=@" + section + "\n";
        notices += "[" + section + "]\nexplicitText=UTF8:";
        static constexpr std::string_view text = "Test-certificate-of-a-virtual-card,-good-for-nothing-else.-";
        for (std::size_t i = 0; i < length; ++i) notices += text[i % text.size()];
        notices += "\n";
        padding -= length;
    }
    config += notices;
    const std::unique_ptr<BIO, Freer<BIO_free_all>> bio(BIO_new_mem_buf(config.data(), static_cast<int>(config.size())));
    const std::unique_ptr<CONF, Freer<NCONF_free>> conf(NCONF_new(nullptr));
    require(bio && conf && NCONF_load_bio(conf.get(), bio.get(), nullptr) == 1, "NCONF_load_bio");
    X509V3_CTX context;
    X509V3_set_ctx(&context, nullptr, certificate, nullptr, nullptr, 0);
    X509V3_set_nconf(&context, conf.get());
    const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
        X509V3_EXT_nconf_nid(conf.get(), &context, NID_certificate_policies, "critical,@p"));
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "certificatePolicies");
}

void add_other_name(GENERAL_NAMES* names, int number, const std::string& text) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_TYPE* value = ASN1_TYPE_new();
    ASN1_UTF8STRING* string = ASN1_UTF8STRING_new();
    ASN1_OBJECT* oid = OBJ_txt2obj((san_arc + std::to_string(number)).c_str(), 1);
    require(name && value && string && oid, "otherName");
    require(ASN1_STRING_set(string, text.data(), static_cast<int>(text.size())) == 1, "ASN1_STRING_set");
    ASN1_TYPE_set(value, V_ASN1_UTF8STRING, string);
    require(GENERAL_NAME_set0_othername(name, oid, value) == 1, "GENERAL_NAME_set0_othername");
    require(sk_GENERAL_NAME_push(names, name) > 0, "sk_GENERAL_NAME_push");
}

// apdu/README.md: .1 name, .2 substitute-character flags, .3 sex, .4 birth, .5 address, .6 flags.
void add_holder_data(X509* certificate, const TestPki::Options& options) {
    const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names(GENERAL_NAMES_new());
    require(names != nullptr, "GENERAL_NAMES_new");
    const auto characters = [](const std::string& text) {
        return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
    };
    add_other_name(names.get(), 1, options.name);
    add_other_name(names.get(), 2, std::string(characters(options.name), '0'));
    add_other_name(names.get(), 3, "2");
    add_other_name(names.get(), 4, "419900101");
    add_other_name(names.get(), 5, options.address);
    add_other_name(names.get(), 6, std::string(characters(options.address), '0'));
    require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1, "subjectAltName");
}

// Like the real ones: a directory name, not a URL.
void add_distribution_point(X509* certificate, NamePointer directory) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    DIST_POINT* point = DIST_POINT_new();
    const std::unique_ptr<CRL_DIST_POINTS, Freer<CRL_DIST_POINTS_free>> points(CRL_DIST_POINTS_new());
    require(name && point && points, "CRL_DIST_POINTS");
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory.release());
    point->distpoint = DIST_POINT_NAME_new();
    require(point->distpoint != nullptr, "DIST_POINT_NAME_new");
    point->distpoint->type = 0;
    point->distpoint->name.fullname = GENERAL_NAMES_new();
    require(sk_GENERAL_NAME_push(point->distpoint->name.fullname, name) > 0, "sk_GENERAL_NAME_push");
    require(sk_DIST_POINT_push(points.get(), point) > 0, "sk_DIST_POINT_push");
    require(X509_add1_ext_i2d(certificate, NID_crl_distribution_points, points.get(), 0, X509V3_ADD_DEFAULT) == 1,
            "cRLDistributionPoints");
}

NamePointer ca_name(bool signature) {
    return make_name({{"C", "JP"},
                      {"O", "JPKI"},
                      {"OU", signature ? "JPKI for digital signature" : "JPKI for user authentication"},
                      {"OU", "Japan Agency for Local Authority Information Systems"}});
}

CertificatePointer start(EVP_PKEY* key, std::uint32_t serial, int not_before_days, int not_after_days) {
    CertificatePointer certificate(X509_new());
    require(certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1, "X509_new");
    require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial) == 1, "serial");
    require(X509_time_adj_ex(X509_getm_notBefore(certificate.get()), not_before_days, 0, nullptr) != nullptr, "notBefore");
    require(X509_time_adj_ex(X509_getm_notAfter(certificate.get()), not_after_days, 0, nullptr) != nullptr, "notAfter");
    require(X509_set_pubkey(certificate.get(), key) == 1, "X509_set_pubkey");
    return certificate;
}

// Builds with more or less padding until the DER has the wanted size; one or two bytes off does not matter.
CertificatePointer fit(std::size_t wanted, const std::function<CertificatePointer(std::size_t)>& build) {
    std::size_t padding = 0;
    for (int round = 0;; ++round) {
        CertificatePointer certificate = build(padding);
        const std::size_t size = to_der(certificate.get()).size();
        if (round == 4 || size == wanted || (padding == 0 && size > wanted)) return certificate;
        padding = size > wanted ? padding - std::min(padding, size - wanted) : padding + (wanted - size);
    }
}

}  // namespace

std::vector<std::uint8_t> to_der(X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    require(size > 0, "i2d_X509");
    std::vector<std::uint8_t> der(bytes, bytes + size);
    OPENSSL_free(bytes);
    return der;
}

CertificatePointer make_ca(bool signature, EVP_PKEY* key, std::uint32_t serial) {
    return fit(ca_size, [&](std::size_t padding) {
        CertificatePointer certificate = start(key, serial, -1000, 3650);
        X509* ca = certificate.get();
        const NamePointer name = ca_name(signature);
        require(X509_set_subject_name(ca, name.get()) == 1 && X509_set_issuer_name(ca, name.get()) == 1, "names");
        add_extension(ca, ca, NID_subject_key_identifier, "hash");
        add_extension(ca, ca, NID_authority_key_identifier, "keyid:always,issuer:always");
        add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
        add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
        add_policy(ca, signature ? "1.2.392.200149.8.5.1.1.20" : "1.2.392.200149.8.5.1.3.30", padding);
        require(X509_sign(ca, key, EVP_sha256()) > 0, "X509_sign");
        return certificate;
    });
}

CertificatePointer make_holder(bool signature, EVP_PKEY* key, X509* ca, EVP_PKEY* ca_key, const HolderNames& names,
                               const TestPki::Options& options) {
    const int not_before = std::min(options.authentication_not_before_days, options.not_after_days - 30);
    return fit(signature ? options.signature_size : options.authentication_size, [&](std::size_t padding) {
        CertificatePointer certificate = start(key, names.serial, not_before, options.not_after_days);
        X509* holder = certificate.get();
        const NamePointer subject = signature ? make_name({{"C", "JP"}, {"L", names.city}, {"CN", names.code}})
                                              : make_name({{"C", "JP"}, {"CN", names.code}});
        require(X509_set_subject_name(holder, subject.get()) == 1, "subject");
        require(X509_set_issuer_name(holder, X509_get_subject_name(ca)) == 1, "issuer");
        add_extension(holder, ca, NID_key_usage,
                      signature ? "critical,digitalSignature,nonRepudiation" : "critical,digitalSignature");
        add_policy(holder, signature ? "1.2.392.200149.8.5.1.1.20" : "1.2.392.200149.8.5.1.3.30", padding);
        if (signature) add_holder_data(holder, options);
        add_distribution_point(holder,
                               make_name({{"C", "JP"},
                                          {"O", "JPKI"},
                                          {"OU", signature ? "JPKI for digital signature" : "JPKI for user authentication"},
                                          {"OU", "CRL Distribution Points"},
                                          {"CN", "Mihon-shi CRLDP"}}));
        add_extension(holder, ca, NID_info_access, "OCSP;URI:http://ocsp.jpki.example");
        add_extension(holder, ca, NID_authority_key_identifier, "keyid:always");
        add_extension(holder, ca, NID_subject_key_identifier, "hash");
        require(X509_sign(holder, ca_key, EVP_sha256()) > 0, "X509_sign");
        return certificate;
    });
}

}  // namespace jpki::model
