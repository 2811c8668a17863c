// A card that lost its power in between: only calls that need the login fail because of it, and the login ends as soon as
// a call detects it. pcsc-lite reports a power loss only while the card has no power; otherwise it looks like a reset, and the
// card shows it.
#include "pin_fixture.hpp"

#include "card_model.hpp"

using namespace jpki::test;

namespace {

struct Loss {
    const char* name;
    void (*happens)();
    bool is_told;  // by PC/SC
};
const Loss losses[] = {
    {"another program disconnects and takes the power",
     [] {
         other_selects_jpki();
         fake::other_closes(reader_name, SCARD_UNPOWER_CARD);
     },
     true},
    {"another program takes the power and gives it again",
     [] { BOOST_REQUIRE(fake::other_resets(reader_name, SCARD_UNPOWER_CARD)); }, false},
};

Knobs stumbling() {
    Knobs knobs;
    knobs.first_command_6f00 = true;
    return knobs;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(power)

BOOST_AUTO_TEST_CASE(failed_first_command_after_power_loss_is_not_error_of_call) {
    for (const Loss& loss : losses)
        for (const KeyUse use : both_keys) BOOST_TEST_CONTEXT(loss.name << ", key " << index(use)) {
                Fixture f(stumbling());
                const auto session = f.open_logged_in(slot_of(use));
                const auto key = find_key(session);
                signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
                loss.happens();
                CHECK_RV(try_sign(session, key), CKR_USER_NOT_LOGGED_IN);
                BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
                loss.happens();
                REQUIRE_OK(f.login(session, f.card->pin(use)));
                signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
                loss.happens();
                CK_TOKEN_INFO info{};
                CHECK_RV(C_GetTokenInfo(slot_of(use), &info), CKR_OK);
                BOOST_CHECK_EQUAL(verifies(*f.card, use), 2u);
                BOOST_CHECK_EQUAL(f.card->tries(use), f.card->knobs().max_tries[index(use)]);
            }
}

BOOST_AUTO_TEST_CASE(reported_power_loss_ends_login_at_next_command) {
    for (const KeyUse use : both_keys) {
        Fixture f(stumbling());
        const auto session = f.open_logged_in(slot_of(use));
        const std::size_t objects = find(session).size();
        losses[0].happens();
        CK_TOKEN_INFO info{};
        REQUIRE_OK(C_GetTokenInfo(slot_of(use), &info));
        BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
        BOOST_CHECK_LT(find(session).size(), objects);
        CHECK_RV(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
        REQUIRE_OK(f.login(session, f.card->pin(use)));
        BOOST_CHECK_EQUAL(find(session).size(), objects);
    }
}

BOOST_AUTO_TEST_CASE(login_after_power_loss_succeeds) {
    for (const Loss& loss : losses)
        for (const KeyUse use : both_keys) BOOST_TEST_CONTEXT(loss.name << ", key " << index(use)) {
                Fixture f(stumbling());
                const auto session = f.open_logged_in(slot_of(use));
                loss.happens();
                CHECK_RV(f.login(session, f.card->pin(use)), CKR_OK);
                signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
                CHECK_RV(f.login(session, f.card->pin(use)), CKR_USER_ALREADY_LOGGED_IN);
            }
}

BOOST_AUTO_TEST_CASE(warm_reset_keeps_login) {
    for (const KeyUse use : both_keys) {
        Fixture f;
        const auto session = f.open_logged_in(slot_of(use));
        BOOST_REQUIRE(fake::other_resets(reader_name));
        CHECK_RV(f.login(session, f.card->pin(use)), CKR_USER_ALREADY_LOGGED_IN);
        CK_TOKEN_INFO info{};
        CHECK_RV(C_GetTokenInfo(slot_of(use), &info), CKR_OK);
        BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
        signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
        BOOST_CHECK_EQUAL(verifies(*f.card, use), 1u);
    }
}

BOOST_AUTO_TEST_CASE(login_of_other_key_succeeds_after_power_loss) {
    Fixture f(stumbling());
    f.open_logged_in(auth_slot);
    const auto session = f.open(sign_slot);
    losses[0].happens();
    REQUIRE_OK(f.login(session, sign_pin));
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
    REQUIRE_OK(C_Logout(session));
    check_locked_for_others(KeyUse::signature);
}

BOOST_AUTO_TEST_SUITE_END()
