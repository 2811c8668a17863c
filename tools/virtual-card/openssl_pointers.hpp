// Small owning wrappers over OpenSSL that the certificate builders share.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace jpki::model {

template <auto Free> struct Freer {
    template <typename T> void operator()(T* pointer) const { Free(pointer); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertificatePointer = std::unique_ptr<X509, Freer<X509_free>>;
using NamePointer = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;

inline void require(bool success, const char* what) {
    if (!success) throw std::runtime_error(std::string("test PKI: OpenSSL failed: ") + what);
}

using NameParts = std::initializer_list<std::pair<const char*, std::string>>;

// In the given order, as PrintableString like the real ones.
inline NamePointer make_name(NameParts parts) {
    NamePointer name(X509_NAME_new());
    require(name != nullptr, "X509_NAME_new");
    for (const auto& [type, value] : parts)
        require(X509_NAME_add_entry_by_txt(name.get(), type, V_ASN1_PRINTABLESTRING,
                                           reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()),
                                           -1, 0) == 1,
                "X509_NAME_add_entry_by_txt");
    return name;
}

}  // namespace jpki::model
