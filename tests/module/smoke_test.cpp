// The main use, in-process: both tokens list, log in, sign, and OpenSSL verifies.
#include "fixture.hpp"

using namespace jpki::test;

BOOST_AUTO_TEST_CASE(both_keys_sign_with_every_mechanism_and_openssl_verifies) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        const auto key = find_key(session);
        const Bytes& certificate =
            slot == auth_slot ? f.card->pki().authentication_certificate : f.card->pki().signature_certificate;
        const Bytes text = {'t', 'e', 'x', 't'};
        for (const CK_MECHANISM_TYPE mechanism :
             {CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS})
            BOOST_CHECK(openssl_verifies(certificate, mechanism, text, signed_by(session, key, mechanism, text)));
        BOOST_CHECK(openssl_verifies(certificate, CKM_RSA_PKCS, text, signed_by(session, key, CKM_RSA_PKCS, text)));
        const Bytes hash(32, 7);
        BOOST_CHECK(openssl_verifies(certificate, CKM_RSA_PKCS_PSS, hash, signed_by(session, key, CKM_RSA_PKCS_PSS, hash)));
    }
}
