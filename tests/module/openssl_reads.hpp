// What OpenSSL reads from a certificate, to compare attributes with: uses none of the module's code.
#pragma once

#include "card_model.hpp"

#include <cstdio>
#include <ctime>
#include <memory>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdexcept>
#include <string>

namespace jpki::test {

struct OpensslReads {
    model::Bytes subject, issuer, serial_number, public_key_info, modulus, public_exponent;
    std::string start_date, end_date;  // YYYYMMDD

    explicit OpensslReads(const model::Bytes& der) {
        const unsigned char* at = der.data();
        const std::unique_ptr<X509, decltype(&X509_free)> x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())), &X509_free);
        if (!x509) throw std::runtime_error("not a certificate");
        const auto bytes = [](const auto* object, auto i2d) {
            unsigned char* out = nullptr;
            const int size = i2d(object, &out);
            model::Bytes result(out, out + size);
            OPENSSL_free(out);
            return result;
        };
        subject = bytes(X509_get_subject_name(x509.get()), &i2d_X509_NAME);
        issuer = bytes(X509_get_issuer_name(x509.get()), &i2d_X509_NAME);
        serial_number = bytes(X509_get0_serialNumber(x509.get()), &i2d_ASN1_INTEGER);
        EVP_PKEY* key = X509_get0_pubkey(x509.get());
        public_key_info = bytes(key, &i2d_PUBKEY);
        modulus = number(key, OSSL_PKEY_PARAM_RSA_N);
        public_exponent = number(key, OSSL_PKEY_PARAM_RSA_E);
        start_date = date(X509_get0_notBefore(x509.get()));
        end_date = date(X509_get0_notAfter(x509.get()));
    }

private:
    static model::Bytes number(const EVP_PKEY* key, const char* name) {
        BIGNUM* n = nullptr;
        if (EVP_PKEY_get_bn_param(key, name, &n) != 1) return {};  // another key type
        model::Bytes result(static_cast<std::size_t>(BN_num_bytes(n)));
        BN_bn2bin(n, result.data());
        BN_free(n);
        return result;
    }
    static std::string date(const ASN1_TIME* time) {
        std::tm tm{};
        ASN1_TIME_to_tm(time, &tm);
        char text[40];
        std::snprintf(text, sizeof text, "%04d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        return text;
    }
};

}  // namespace jpki::test
