// A wrong signature is never returned: always checked with the signature key, and with the authentication key if its
// certificate is cached.
#include "pki_copy.hpp"

#include <algorithm>
#include <utility>

using namespace jpki::test;
using jpki::model::Fault;

namespace {

constexpr CK_MECHANISM_TYPE all[] = {CKM_RSA_PKCS,        CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS,
                                     CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS_PSS,    CKM_SHA256_RSA_PKCS_PSS};
const Bytes hash(32, 0x11);

// C_Sign into a buffer that must not receive a byte of a wrong signature.
CK_RV sign_watched(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type) {
    CK_MECHANISM mechanism = {type, nullptr, 0};
    if (type == CKM_RSA_PKCS_PSS || type == CKM_SHA256_RSA_PKCS_PSS) mechanism = pss_mechanism(type);
    REQUIRE_OK(C_SignInit(session, &mechanism, key));
    Bytes data = hash, out(256, 0xC5);
    CK_ULONG length = 256;
    const CK_RV rv = C_Sign(session, data.data(), 32, out.data(), &length);
    if (rv != CKR_OK) {
        BOOST_CHECK(std::all_of(out.begin(), out.end(), [](std::uint8_t b) { return b == 0xC5; }));
        CHECK_RV(C_Sign(session, data.data(), 32, out.data(), &length), CKR_OPERATION_NOT_INITIALIZED);
    }
    return rv;
}

// The same card with both keys exchanged: its signatures are well-formed, and not by the certificate's key.
std::shared_ptr<const TestPki> keys_exchanged() {
    const auto pki = copy_of_shared();
    std::swap(pki->authentication_key, pki->signature_key);
    return pki;
}

}  // namespace

BOOST_AUTO_TEST_CASE(signature_with_flipped_bit_is_never_returned_for_signature_key) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    const auto key = find_key(session);
    signed_by(session, key, CKM_RSA_PKCS_PSS, hash);  // everything is cached: the next command is a signature
    for (const auto type : all) {
        f.card->inject({Fault::Kind::bits_flipped, 0});
        CHECK_RV(sign_watched(session, key, type), CKR_DEVICE_ERROR);
        BOOST_CHECK(!f.card->fault_pending());
        CHECK_RV(sign_watched(session, key, type), CKR_OK);  // and the next signature is right
    }
}

BOOST_AUTO_TEST_CASE(signature_of_signature_key_is_checked_without_earlier_read_of_certificate) {
    Fixture f({}, keys_exchanged());
    const auto session = f.open_logged_in(sign_slot);
    const auto key = find_key(session);
    for (const auto type : all) CHECK_RV(sign_watched(session, key, type), CKR_DEVICE_ERROR);
}

BOOST_AUTO_TEST_CASE(signature_with_flipped_bit_is_never_returned_for_authentication_key_with_known_certificate) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    attribute(session, find_class(session, CKO_CERTIFICATE).at(0), CKA_VALUE);
    signed_by(session, key, CKM_RSA_PKCS_PSS, hash);
    for (const auto type : all) {
        f.card->inject({Fault::Kind::bits_flipped, 0});
        CHECK_RV(sign_watched(session, key, type), CKR_DEVICE_ERROR);
        CHECK_RV(sign_watched(session, key, type), CKR_OK);
    }
}

BOOST_AUTO_TEST_CASE(wrong_key_is_detected_for_authentication_key_with_known_certificate) {
    Fixture f({}, keys_exchanged());
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    attribute(session, key, CKA_MODULUS);
    for (const auto type : all) CHECK_RV(sign_watched(session, key, type), CKR_DEVICE_ERROR);
}

BOOST_AUTO_TEST_CASE(signature_of_wrong_size_is_never_returned_for_either_key) {
    Fixture f;
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        const auto key = find_key(session);
        signed_by(session, key, CKM_RSA_PKCS_PSS, hash);
        for (const auto kind : {Fault::Kind::truncated, Fault::Kind::too_long, Fault::Kind::empty, Fault::Kind::unknown_status,
                                Fault::Kind::sw_6f00}) {
            f.card->inject({kind, 0});
            CHECK_RV(sign_watched(session, key, CKM_SHA256_RSA_PKCS), CKR_DEVICE_ERROR);
            BOOST_CHECK(!f.card->fault_pending());
            BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
            CHECK_RV(sign_watched(session, key, CKM_SHA256_RSA_PKCS), CKR_OK);
        }
    }
}

// A signature operation survives the end of its login; the next login reads the certificate again.
BOOST_AUTO_TEST_CASE(signature_key_without_certificate_does_not_sign) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    REQUIRE_OK(C_SignInit(session, &mechanism, find_key(session)));
    REQUIRE_OK(C_Logout(session));
    REQUIRE_OK(f.login(session, sign_pin));
    jpki::fake::on_answer([](const std::string&, jpki::model::ByteView command) -> std::optional<Bytes> {
        const bool certificate = command.size() == 5 && command[1] == 0xB0 && command[2] == 0x81;  // READ BINARY of EF 0001
        return certificate ? std::optional<Bytes>({0x6A, 0x82}) : std::nullopt;
    });
    f.card->reset_counts();
    Bytes data = hash, out(256, 0xC5);
    CK_ULONG length = 256;
    CHECK_RV(C_Sign(session, data.data(), 32, out.data(), &length), CKR_DEVICE_ERROR);
    jpki::fake::on_answer({});
    BOOST_CHECK_EQUAL(f.card->counts().signatures[1], 0u);
    BOOST_CHECK(out == Bytes(256, 0xC5));
}
