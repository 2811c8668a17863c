// Other programs after a removal: a session that is not used any more does not keep them from the next card. pcscd counts a
// connection to the removed card as one to the next card, and keeps its transaction.
#include "consent_fixture.hpp"
#include "removal_fixture.hpp"

using namespace jpki::test;

namespace {

void check_free_for_others() {
    BOOST_CHECK(fake::open_now().transactions == 0 && fake::open_now().handles == 0);
    BOOST_CHECK(fake::other_begins_transaction(reader_name));
    fake::other_ends_transaction(reader_name);
    fake::other_closes(reader_name);
    BOOST_CHECK(fake::other_opens_exclusively(reader_name));
    fake::other_closes(reader_name);
}

// Calls without a session, as of a program that learns of the removal by them.
const std::vector<std::function<void()>>& polls() {
    static const std::vector<std::function<void()>> all = {
        [] {
            CK_SLOT_INFO info{};
            REQUIRE_OK(C_GetSlotInfo(auth_slot, &info));
        },
        [] {
            CK_ULONG count = 0;
            REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
        },
        [] {
            CK_SLOT_ID slot = 0;
            REQUIRE_OK(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr));
        },
    };
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(others)

BOOST_AUTO_TEST_CASE(next_card_is_free_for_others_after_a_removal_that_a_poll_noticed) {
    for (const auto& poll : polls()) {
        Fixture f;
        f.open_logged_in(auth_slot);
        f.open(sign_slot);
        fake::remove_card(reader_name);
        poll();
        fake::insert_card(reader_name, card_of_person(1));
        check_free_for_others();
    }
}

BOOST_AUTO_TEST_CASE(next_card_is_free_for_others_after_the_removal_of_one_with_a_consent) {
    for (const auto& poll : polls()) {
        Begun f;
        REQUIRE_OK(f.consent());
        BOOST_REQUIRE_EQUAL(fake::open_now().transactions, 1u);
        fake::remove_card(reader_name);
        poll();
        fake::insert_card(reader_name, card_of_person(1));
        check_free_for_others();
    }
}

BOOST_AUTO_TEST_CASE(next_card_is_free_for_others_after_a_removal_during_a_signature) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    fake::inject(reader_name, {Fault::Kind::card_gone, 0});
    CHECK_RV(try_sign(session, key), CKR_DEVICE_REMOVED);
    fake::insert_card(reader_name, card_of_person(1));
    check_free_for_others();
}

BOOST_AUTO_TEST_CASE(next_card_is_free_for_others_after_a_removal_just_after_a_signature) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    fake::on_call([&](fake::Function function) {
        if (function == fake::Function::end_transaction) fake::remove_card(reader_name);
    });
    CHECK_RV(try_sign(session, key), CKR_OK);
    fake::on_call({});
    fake::insert_card(reader_name, card_of_person(1));
    check_free_for_others();
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
}

// The card is still there, with a session that can only end: pcscd would keep its power, and other programs out.
BOOST_AUTO_TEST_CASE(card_is_free_for_others_after_a_fault_of_the_reader) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
    CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);
    BOOST_CHECK(!f.card->verified(KeyUse::authentication));
    check_free_for_others();
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_SUITE_END()
