// A program that has the card exclusively for minutes (SCARD_SHARE_EXCLUSIVE), as gpg's scdaemon does: it costs one short
// wait, and delays no other reader or thread.
#include "recognition_fixture.hpp"

#include <atomic>
#include <thread>

using namespace jpki::test;
using std::chrono::milliseconds;

namespace {

const std::string patient = "[reader]\nbusy_timeout_ms = 20000\n";
const std::string second_reader = "Another Reader 01 00";

}  // namespace

BOOST_AUTO_TEST_SUITE(exclusive)

BOOST_AUTO_TEST_CASE(exclusive_holder_is_waited_for_once_and_shorter_than_transaction) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f(patient);
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    // Each of these calls would wait 20 seconds.
    const auto first = time_of([] { nss_looks(CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED); });
    BOOST_TEST_MESSAGE("counted: the first look at a card that is held exclusively took " << first.count() << " ms");
    BOOST_CHECK_LT(first.count(), 5000);
    // No further wait and no further attempt.
    fake::reset_calls();
    const auto then = time_of([] {
        for (int i = 0; i < 20; ++i) nss_looks(CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED);
    });
    BOOST_TEST_MESSAGE("counted: 20 further looks took " << then.count() << " ms");
    BOOST_CHECK_LT(then.count(), 5000);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::connect), 0u);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    fake::other_closes(reader_name);
    serves(f, auth_slot, *f.card);
    serves(f, sign_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(exclusive_holder_that_connects_just_before_is_waited_for_too) {
    Fixture f(patient);
    fake::fail(fake::Function::connect, SCARD_E_SHARING_VIOLATION);  // the reader's state showed nobody yet
    CHECK_RV(token_info(auth_slot), CKR_OK);
}

BOOST_AUTO_TEST_CASE(later_exclusive_holder_is_waited_for_once_too) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f(patient);
    REQUIRE_OK(token_info(auth_slot));
    fake::power_down_idle(reader_name);
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    const auto took = time_of([] {
        for (int i = 0; i < 20; ++i) CHECK_RV(open_session(auth_slot), CKR_FUNCTION_FAILED);
    });
    BOOST_CHECK_LT(took.count(), 5000);
    // Cached data is still returned.
    BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
    fake::other_closes(reader_name);
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(second_thread_does_not_wait_behind_waiting_thread) {
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f(patient);
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    fake::Gate gate;
    std::atomic<bool> waiting = false;
    static thread_local bool first_thread = false;
    fake::on_call([&, asked = std::make_shared<int>(0)](fake::Function function) {
        // The slot table connects, the card connects, and then again because it waits.
        if (!first_thread || function != fake::Function::get_status_change || ++*asked != 3) return;
        waiting = true;
        gate.wait_here();
    });
    auto first = std::async(std::launch::async, [] {
        first_thread = true;
        return open_session(auth_slot);
    });
    gate.until_somebody_waits();
    BOOST_CHECK(waiting);
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        auto second = std::async(std::launch::async, [slot] { return open_session(slot); });
        const bool free = second.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
        BOOST_CHECK(free);
        if (!free) gate.open();
        CHECK_RV(second.get(), CKR_FUNCTION_FAILED);
        if (!free) break;
    }
    fake::on_call({});
    gate.open();
    CHECK_RV(first.get(), CKR_FUNCTION_FAILED);
}

BOOST_AUTO_TEST_CASE(card_in_another_reader_stays_usable) {
    Fixture f(patient);
    const auto other = card_of_person(1);
    fake::add_reader(second_reader, other);
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    BOOST_CHECK(slots_with_token() == (Slots{2, 3}));
    serves(f, 2, *other);
}

BOOST_AUTO_TEST_CASE(tokens_are_present_with_event_after_holder_ends) {
    Fixture f(patient);
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    BOOST_CHECK(slots_with_token().empty());
    BOOST_CHECK(!says_present(auth_slot));
    BOOST_CHECK(slot_events().empty());
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
    fake::other_closes(reader_name);
    BOOST_CHECK(slot_events() == (Slots{auth_slot, sign_slot}));
    BOOST_CHECK(says_present(auth_slot) && says_present(sign_slot));
    BOOST_CHECK(slot_events().empty());
}

BOOST_AUTO_TEST_CASE(blocking_wait_for_events_ends_after_holder_ends) {
    Fixture f(patient);
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    BOOST_CHECK(!says_present(auth_slot));
    auto waiting = std::async(std::launch::async, [] {
        CK_SLOT_ID slot = 99;
        BOOST_CHECK(C_WaitForSlotEvent(0, &slot, nullptr) == CKR_OK);
        return slot;
    });
    BOOST_REQUIRE(fake::wait_until_blocked(fake::Function::get_status_change));
    fake::other_closes(reader_name);
    BOOST_REQUIRE(waiting.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    BOOST_CHECK_EQUAL(waiting.get(), auth_slot);
    BOOST_CHECK(says_present(auth_slot));
}

BOOST_AUTO_TEST_CASE(token_presence_corrected_by_another_call_is_event) {
    Fixture f(patient);
    BOOST_REQUIRE(fake::other_opens_exclusively(reader_name));
    BOOST_CHECK(!says_present(sign_slot));
    fake::other_closes(reader_name);
    REQUIRE_OK(token_info(auth_slot));
    BOOST_CHECK(slot_events() == (Slots{sign_slot}));  // the other slot was not reported
}

BOOST_AUTO_TEST_SUITE_END()
