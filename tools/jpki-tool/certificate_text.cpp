#include "certificate_text.hpp"

#include "exit_status.hpp"
#include "holder.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <functional>
#include <sstream>
#include <type_traits>

namespace jpki::tool {

namespace {

// OpenSSL 4 gives const extensions and accepts them; 3 does neither.
using Extension = std::remove_pointer_t<decltype(X509_get_ext(nullptr, 0))>;
using BioPointer = std::unique_ptr<BIO, Freer<BIO_free_all>>;

std::string from_bio(const std::function<void(BIO*)>& print) {
    const BioPointer bio(BIO_new(BIO_s_mem()));
    if (!bio) throw std::bad_alloc();
    print(bio.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::string name_text(const X509_NAME* name) {
    const unsigned long flags =
        (XN_FLAG_RFC2253 | ASN1_STRFLGS_UTF8_CONVERT) & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB | XN_FLAG_DN_REV);
    return printable(from_bio([&](BIO* bio) { X509_NAME_print_ex(bio, name, 0, flags); }));
}

std::string object_text(const ASN1_OBJECT* object) {
    char text[128];
    return OBJ_obj2txt(text, sizeof text, object, 0) > 0 ? text : "?";
}

std::string serial_text(const X509* certificate) {
    const std::unique_ptr<BIGNUM, Freer<BN_free>> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    char* text = number ? BN_bn2hex(number.get()) : nullptr;
    const std::string result = text == nullptr ? "?" : text;
    OPENSSL_free(text);
    return result;
}

std::string extension_name(Extension* extension) {
    switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
    case NID_key_usage: return _("Key usage");
    case NID_certificate_policies: return _("Certificate policies");
    case NID_subject_alt_name: return _("Subject alternative name");
    case NID_issuer_alt_name: return _("Issuer alternative name");
    case NID_crl_distribution_points: return _("CRL distribution points");
    case NID_info_access: return _("Authority information access");
    case NID_authority_key_identifier: return _("Authority key identifier");
    case NID_subject_key_identifier: return _("Subject key identifier");
    case NID_basic_constraints: return _("Basic constraints");
    case NID_ext_key_usage: return _("Extended key usage");
    default: return object_text(X509_EXTENSION_get_object(extension));
    }
}

// Lines of OpenSSL's description, each sanitised for display.
std::string indented(const std::string& text) {
    std::istringstream lines(text);
    std::string line, result;
    while (std::getline(lines, line)) {
        const std::size_t begin = line.find_first_not_of(' ');
        if (begin != std::string::npos) result += "    " + printable(line.substr(begin)) + "\n";
    }
    return result;
}

std::string extension_text(const CertificateView& certificate, Extension* extension) {
    if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_subject_alt_name) {
        Table table(4);
        for (const HolderField& field : holder_fields(certificate))
            table.row({field.kind == HolderField::Kind::other ? field.oid : shown_name(field.kind), shown_value(field)});
        if (!table.empty()) return table.text();
    }
    return indented(from_bio([&](BIO* bio) {
        if (X509V3_EXT_print(bio, extension, 0, 0) != 1)
            ASN1_STRING_print_ex(bio, X509_EXTENSION_get_data(extension), ASN1_STRFLGS_DUMP_ALL);
    }));
}

// RFC 4251, 5: "string" and "mpint".
void put_string(Bytes& out, ByteView bytes) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(bytes.size() >> shift));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_text(Bytes& out, std::string_view text) {
    put_string(out, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void put_number(Bytes& out, const EVP_PKEY* key, const char* parameter) {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(key, parameter, &value) != 1) throw Failure(Exit::failure, _("The key cannot be read."));
    const std::unique_ptr<BIGNUM, Freer<BN_free>> number(value);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number.get())) + 1);  // a leading 00 keeps it positive
    BN_bn2bin(number.get(), bytes.data() + 1);
    const bool needs_zero = bytes.size() > 1 && (bytes[1] & 0x80) != 0;
    put_string(out, ByteView(bytes).subspan(needs_zero ? 0 : 1));
}

std::string base64(ByteView bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

}  // namespace

std::string to_pem(const CertificateView& certificate) {
    return from_bio([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.x509()); });
}

std::string to_ssh(const CertificateView& certificate, const std::string& comment) {
    const EVP_PKEY* key = X509_get0_pubkey(certificate.x509());
    Bytes blob;
    std::string type;
    if (key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1) {
        type = "ssh-rsa";
        put_text(blob, type);
        put_number(blob, key, OSSL_PKEY_PARAM_RSA_E);
        put_number(blob, key, OSSL_PKEY_PARAM_RSA_N);
    } else if (key != nullptr && certificate.key_description() == "EC secp384r1") {
        type = "ecdsa-sha2-nistp384";
        put_text(blob, type);
        put_text(blob, "nistp384");
        unsigned char point[256];
        std::size_t size = 0;
        if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &size) != 1)
            throw Failure(Exit::failure, _("The key cannot be read."));
        put_string(blob, {point, size});
    } else {
        throw Failure(Exit::failure, _("SSH has no form for a key of this kind."));
    }
    return type + " " + base64(blob) + " " + comment + "\n";
}

std::string to_fingerprint(const CertificateView& certificate) {
    const std::string digits = certificate.sha256();
    std::string text;
    for (std::size_t i = 0; i < digits.size(); i += 2) text += (i == 0 ? "" : ":") + digits.substr(i, 2);
    return text;
}

std::string to_text(const CertificateView& certificate) {
    X509* x509 = certificate.x509();
    const auto moment = [](TimePoint time) { return shown(japan_date(time)) + " (" + iso(time) + ")"; };
    const X509_ALGOR* algorithm = X509_get0_tbs_sigalg(x509);
    Table table;
    table.row({_("Serial number"), serial_text(x509)});
    table.row({_("Signature algorithm"), object_text(algorithm->algorithm)});
    table.row({_("Issuer"), name_text(X509_get_issuer_name(x509))});
    table.row({_("Valid from"), moment(certificate.not_before())});
    table.row({_("Valid until"), moment(certificate.not_after())});
    table.row({_("Subject"), name_text(X509_get_subject_name(x509))});
    table.row({_("Public key"), certificate.key_description()});
    table.row({_("SHA-256 fingerprint"), to_fingerprint(certificate)});
    std::string text = table.text() + _("Extensions") + "\n";
    for (int i = 0; i < X509_get_ext_count(x509); ++i) {
        Extension* const extension = X509_get_ext(x509, i);
        text += "  " + printable(extension_name(extension)) +
                (X509_EXTENSION_get_critical(extension) == 1 ? std::string(" ") + _("(critical)") : "") + "\n";
        text += extension_text(certificate, extension);
    }
    return text;
}

}  // namespace jpki::tool
