// The signature certificate contains its holder's name and address: no cache has it after a logout. Checked inside of
// the module, since freed memory cannot be distinguished from kept memory by its bytes.
#include "pin_fixture.hpp"

#include "module/runtime.hpp"

#include <atomic>
#include <memory>

using namespace jpki::test;
using jpki::Runtime;

namespace {

// The certificate in the module, in Card and Token, with everything else that a search reads: the CA's, and the check
// with it.
std::weak_ptr<const jpki::Certificate> kept_certificate(CK_SESSION_HANDLE session) {
    BOOST_REQUIRE_EQUAL(find_class(session, CKO_CERTIFICATE).size(), 2u);
    return Runtime::get()->slots.insertion(sign_slot)->token(jpki::KeyUse::signature).certificate();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(logout_memory)

BOOST_AUTO_TEST_CASE(logout_wipes_signature_certificate_from_every_cache) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    const auto certificate = kept_certificate(session);
    BOOST_REQUIRE(!certificate.expired());
    REQUIRE_OK(C_Logout(session));
    BOOST_CHECK(certificate.expired());
}

BOOST_AUTO_TEST_CASE(logout_wipes_signature_certificate_also_after_lost_login) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    const auto key = find_key(session);
    const auto certificate = kept_certificate(session);
    other_selects_another_application();
    CHECK_RV(try_sign(session, key), CKR_USER_NOT_LOGGED_IN);
    CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK(certificate.expired());
}

BOOST_AUTO_TEST_CASE(signature_certificate_is_read_and_checked_again_after_logout) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    kept_certificate(session);
    REQUIRE_OK(C_Logout(session));
    REQUIRE_OK(f.login(session, sign_pin));
    // A bit flips in transfer, in the last part, the issuer's signature: only the check with the CA's key detects it.
    std::atomic<bool> flipped = false;
    fake::on_transmit([&](const std::string&, model::ByteView command) {
        const bool last_part = command[1] == 0xB0 && command[2] == 0x06;  // READ BINARY at 0600
        if (last_part && !flipped.exchange(true)) f.card->inject({Fault::Kind::bits_flipped, 0});
    });
    const auto certificates = find_class(session, CKO_CERTIFICATE);
    fake::on_transmit({});
    BOOST_REQUIRE(flipped);
    BOOST_REQUIRE_EQUAL(certificates.size(), 2u);
    BOOST_CHECK(attribute(session, certificates[0], CKA_VALUE) == f.card->pki().signature_certificate ||
                attribute(session, certificates[1], CKA_VALUE) == f.card->pki().signature_certificate);
}

BOOST_AUTO_TEST_SUITE_END()
