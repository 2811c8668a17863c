// Shared by the tests of signature.consent = "each".
#pragma once

#include "pin_fixture.hpp"

namespace jpki::test {

// Consent for each signature, a login, and a signature that has begun.
struct Begun : Fixture {
    explicit Begun(Knobs knobs = {}) : Begun("", std::move(knobs)) {}
    explicit Begun(const std::string& more_settings, Knobs knobs = {})
        : Fixture(consent_each + more_settings, std::move(knobs)),
          session(open_logged_in(sign_slot, CKF_RW_SESSION)),
          key(find_key(session)) {
        BOOST_REQUIRE(!card->verified(KeyUse::signature));
        REQUIRE_OK(sign_init(session, key));
        card->reset_counts();
    }
    CK_RV consent(const std::string& pin = sign_pin) { return login(session, pin, CKU_CONTEXT_SPECIFIC); }
    std::size_t signatures() const { return card->counts().signatures[1]; }
    void check_locked() {
        BOOST_CHECK(!card->verified(KeyUse::signature));
        BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
        check_locked_for_others(KeyUse::signature);
    }
    const CK_SESSION_HANDLE session;
    const CK_OBJECT_HANDLE key;
};

}  // namespace jpki::test
