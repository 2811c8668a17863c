// A card's keys and certificates, for a test that changes them.
#pragma once

#include "fixture.hpp"

#include <openssl/evp.h>

namespace jpki::test {

inline std::shared_ptr<TestPki> copy_of_shared() {
    const auto original = TestPki::shared();
    auto pki = std::make_shared<TestPki>();
    pki->authentication_certificate = original->authentication_certificate;
    pki->signature_certificate = original->signature_certificate;
    pki->authentication_ca = original->authentication_ca;
    pki->signature_ca = original->signature_ca;
    EVP_PKEY_up_ref(pki->authentication_key = original->authentication_key);
    EVP_PKEY_up_ref(pki->signature_key = original->signature_key);
    return pki;
}

}  // namespace jpki::test
