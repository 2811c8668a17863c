// The parsers of a card's files: the head of a certificate file, EF 0006, a certificate.
#include "apdu/certificate.hpp"
#include "apdu/certificate_file.hpp"
#include "apdu/signature_check.hpp"
#include "apdu/token_information.hpp"

#include "input.hpp"

#include <algorithm>
#include <cstdlib>
#include <openssl/err.h>
#include <openssl/x509.h>

using namespace jpki;

namespace {

void check(bool condition) {
    if (!condition) std::abort();
}

bool equal(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

// The fields of `certificate`, parsed from `der`, equal those of OpenSSL's X509 if OpenSSL, which also checks the characters of
// names, accepts `der`.
void check_against_openssl(const Certificate& certificate, ByteView der) {
    const unsigned char* at = der.data();
    const std::unique_ptr<X509, decltype(&X509_free)> x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())), &X509_free);
    ERR_clear_error();
    if (!x509) return;
    check(at == der.data() + der.size());
    const auto written = [](const auto* object, auto i2d) {
        unsigned char* out = nullptr;
        const int size = i2d(object, &out);
        check(size > 0);
        const Bytes bytes(out, out + size);
        OPENSSL_free(out);
        return bytes;
    };
    check(equal(certificate.subject, written(X509_get_subject_name(x509.get()), i2d_X509_NAME)));
    check(equal(certificate.issuer, written(X509_get_issuer_name(x509.get()), i2d_X509_NAME)));
    check(equal(certificate.serial_number, written(X509_get0_serialNumber(x509.get()), i2d_ASN1_INTEGER)));
    check(equal(certificate.public_key_info, written(X509_get_X509_PUBKEY(x509.get()), i2d_X509_PUBKEY)));
    ERR_clear_error();
}

void check_certificate(const CryptoContext& context, const Certificate& certificate, ByteView der) {
    check(equal(certificate.der, der));
    check(certificate.start_date.empty() || certificate.start_date.size() == 8);
    const PublicKey& key = certificate.key;
    check((key.type == KeyType::rsa) == !key.modulus.empty() && (key.type == KeyType::ec) == !key.ec_point.empty());
    check((key.type == KeyType::other) == (key.bits == 0) && key.bits <= 16384);
    check_against_openssl(certificate, der);
    const std::size_t size = key.modulus.size();
    check(!verify_rsa_pkcs1(context, key, der.first(std::min<std::size_t>(der.size(), 200)), Bytes(size, 1)));
    check(!verify_rsa_pss(context, key, Hash::sha256, Bytes(32, 1), Bytes(size, 1)));
    check(!verify_ecdsa(context, key, Bytes(32, 1), Bytes(key.bits / 8 * 2, 1)));
    is_signed_by(context, certificate, certificate);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const CryptoContext context;
    const ByteView bytes(data, size);

    std::size_t total = 0;
    if (examine_head(bytes, total) == FileHead::certificate)
        check(total >= 3 && total <= certificate_size_max && bytes[0] == 0x30);

    if (const auto information = parse_token_information(bytes)) {
        check(information->label.size() <= 32 && information->model.size() <= 16);
        for (const char c : information->label + information->model) check(c >= 0x20 && c < 0x7F);
    }

    if (const auto certificate = parse_certificate(bytes)) check_certificate(context, *certificate, bytes);
    return 0;
}
