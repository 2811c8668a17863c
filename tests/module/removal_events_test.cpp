// C_WaitForSlotEvent: each change once per slot, blocking and not, and an end when the library is finalised.
#include "removal_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

using namespace jpki::test;

namespace {

const std::string second_reader = "Another Reader 01 00";
using Slots = std::vector<CK_SLOT_ID>;

// All pending events, in ascending order; each change must be in it once.
Slots events() {
    Slots all;
    for (;;) {
        CK_SLOT_ID slot = 99;
        const CK_RV rv = C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr);
        if (rv == CKR_NO_EVENT) break;
        REQUIRE_OK(rv);
        all.push_back(slot);
        BOOST_REQUIRE_LT(all.size(), 100u);
    }
    std::sort(all.begin(), all.end());
    return all;
}

struct Answer {
    CK_RV rv = CKR_OK;
    CK_SLOT_ID slot = 99;
};

// A thread in a blocking wait.
std::future<Answer> waiting() {
    return std::async(std::launch::async, [] {
        Answer answer;
        answer.rv = C_WaitForSlotEvent(0, &answer.slot, nullptr);
        return answer;
    });
}

std::future<Answer> waiting_and_blocked(std::size_t threads = 1) {
    auto result = waiting();
    BOOST_REQUIRE(fake::wait_until_blocked(fake::Function::get_status_change, threads));
    return result;
}

Answer ended(std::future<Answer>& answer) {
    BOOST_REQUIRE(answer.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
    return answer.get();
}

// The wait ends with the first of two slots, a second one at once with the other.
void check_reports(std::future<Answer>& answer, CK_SLOT_ID first) {
    const Answer one = ended(answer);
    CHECK_RV(one.rv, CKR_OK);
    auto second = waiting();
    const Answer two = ended(second);
    CHECK_RV(two.rv, CKR_OK);
    Slots both = {one.slot, two.slot};
    std::sort(both.begin(), both.end());
    BOOST_CHECK(both == (Slots{first, first + 1}));
    BOOST_CHECK(events().empty());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(slot_events)

BOOST_AUTO_TEST_CASE(state_at_initialize_is_not_event) {
    Fixture f;
    BOOST_CHECK(events().empty());
    serves(f, auth_slot, *f.card);
    BOOST_CHECK(events().empty());
}

BOOST_AUTO_TEST_CASE(state_at_initialize_is_not_event_for_program_that_only_waits) {
    fake::reset_everything();
    const auto card = card_of_person(0);
    fake::add_reader(reader_name, card);
    const SettingsFile settings("");
    REQUIRE_OK(C_Initialize(nullptr));
    BOOST_CHECK(events().empty());
    fake::add_reader(second_reader, card_of_person(1));
    BOOST_CHECK(events() == (Slots{2, 3}));
    fake::remove_card(reader_name);
    BOOST_CHECK(events() == (Slots{auth_slot, sign_slot}));
    REQUIRE_OK(C_Finalize(nullptr));
}

BOOST_AUTO_TEST_CASE(each_change_is_reported_once_per_slot) {
    Fixture f;
    const auto both = Slots{auth_slot, sign_slot};
    fake::remove_card(reader_name);
    BOOST_CHECK(events() == both);
    BOOST_CHECK(events().empty());
    fake::insert_card(reader_name, f.card);
    BOOST_CHECK(events() == both);
    BOOST_CHECK(events().empty());
    fake::swap_card(reader_name, card_of_person(1));
    BOOST_CHECK(events() == both);
    BOOST_CHECK(events().empty());
    fake::remove_reader(reader_name);
    BOOST_CHECK(events() == both);
    fake::add_reader(reader_name, f.card);
    BOOST_CHECK(events() == both);
    fake::stop_service();
    BOOST_CHECK(events() == both);
    fake::start_service();
    BOOST_CHECK(events() == both);
    BOOST_CHECK(events().empty());
}

BOOST_AUTO_TEST_CASE(reader_replugged_between_two_calls_is_reported_once_if_its_card_was_used) {
    Fixture f;
    f.open(auth_slot);
    fake::remove_reader(reader_name);
    fake::add_reader(reader_name, f.card);  // the counter starts again, with the value it had before
    BOOST_CHECK(events() == (Slots{auth_slot, sign_slot}));
    BOOST_CHECK(events().empty());
    serves(f, auth_slot, *f.card);
    fake::remove_card(reader_name);
    BOOST_CHECK(events() == (Slots{auth_slot, sign_slot}));
}

BOOST_AUTO_TEST_CASE(removal_detected_first_by_connection_is_reported_once) {
    Fixture f;
    const auto session = f.open(auth_slot);
    fake::fail(fake::Function::begin_transaction, SCARD_W_REMOVED_CARD);
    CHECK_RV(C_FindObjectsInit(session, nullptr, 0), CKR_OK);
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG count = 0;
    CHECK_RV(C_FindObjects(session, &object, 1, &count), CKR_DEVICE_REMOVED);
    BOOST_CHECK(events() == (Slots{auth_slot, sign_slot}));
    fake::remove_card(reader_name);
    BOOST_CHECK(events().empty());
    fake::insert_card(reader_name, f.card);
    BOOST_CHECK(events() == (Slots{auth_slot, sign_slot}));
}

BOOST_AUTO_TEST_CASE(change_detected_first_by_another_call_is_reported) {
    Fixture f;
    const auto session = f.open(auth_slot);
    fake::swap_card(reader_name, card_of_person(1));
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    f.open(auth_slot);
    BOOST_CHECK(events() == (Slots{auth_slot, sign_slot}));
    BOOST_CHECK(events().empty());
}

BOOST_AUTO_TEST_CASE(other_application_or_reset_is_not_event) {
    Fixture f;
    other_selects_another_application();
    BOOST_REQUIRE(fake::other_resets(reader_name));
    fake::other_closes(reader_name);
    BOOST_CHECK(events().empty());
}

BOOST_AUTO_TEST_CASE(events_of_two_readers_are_kept_apart) {
    Fixture f;
    fake::add_reader(second_reader, card_of_person(1));
    BOOST_CHECK(events() == (Slots{2, 3}));  // a new reader with a card
    fake::remove_card(second_reader);
    BOOST_CHECK(events() == (Slots{2, 3}));
    fake::remove_card(reader_name);
    BOOST_CHECK(events() == (Slots{0, 1}));
    fake::add_reader("Third Reader 02 00");
    BOOST_CHECK(events().empty());  // a new reader without a card
}

BOOST_AUTO_TEST_CASE(blocking_wait_ends_with_removal_insertion_and_swap) {
    Fixture f;
    auto answer = waiting_and_blocked();
    fake::remove_card(reader_name);
    check_reports(answer, auth_slot);
    answer = waiting_and_blocked();
    fake::insert_card(reader_name, f.card);
    check_reports(answer, auth_slot);
    answer = waiting_and_blocked();
    fake::swap_card(reader_name, card_of_person(1));
    check_reports(answer, auth_slot);
}

BOOST_AUTO_TEST_CASE(blocking_wait_ends_when_reader_with_card_is_plugged_or_unplugged) {
    Fixture f;
    auto answer = waiting_and_blocked();
    fake::add_reader(second_reader, card_of_person(1));
    check_reports(answer, 2);
    answer = waiting_and_blocked();
    fake::remove_reader(second_reader);
    check_reports(answer, 2);
}

// pcsc-lite before 2.5 accepts 16 names in a call, which then has no room for the notification of new readers.
BOOST_AUTO_TEST_CASE(blocking_wait_works_with_sixteen_readers) {
    Fixture f;
    for (int i = 1; i < 16; ++i) fake::add_reader("Reader of many " + std::to_string(i));
    auto answer = waiting_and_blocked();
    fake::remove_card(reader_name);
    check_reports(answer, auth_slot);
}

BOOST_AUTO_TEST_CASE(blocking_wait_ends_for_reader_beyond_sixteen_where_pcsc_lite_has_no_limit) {
    Fixture f;
    fake::allow_readers(32);
    for (int i = 1; i < 18; ++i) fake::add_reader("Reader of many " + std::to_string(i));
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_CHECK_EQUAL(count, 36u);
    auto answer = waiting_and_blocked();
    fake::add_reader(second_reader, card_of_person(1));
    check_reports(answer, 36);
    serves(f, 36, *card_of_person(1));
}

BOOST_AUTO_TEST_CASE(blocking_wait_ends_at_stop_and_start_of_service) {
    Fixture f;
    auto answer = waiting_and_blocked();
    fake::stop_service();
    check_reports(answer, auth_slot);
    answer = waiting();  // only on time
    fake::start_service();
    check_reports(answer, auth_slot);
}

BOOST_AUTO_TEST_CASE(own_use_of_card_does_not_end_blocking_wait) {
    Fixture f;
    auto answer = waiting_and_blocked();
    serves(f, auth_slot, *f.card);
    serves(f, sign_slot, *f.card);
    BOOST_CHECK(answer.wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout);
    fake::remove_card(reader_name);
    check_reports(answer, auth_slot);
}

BOOST_AUTO_TEST_CASE(two_waiting_threads_get_one_slot_each) {
    Fixture f;
    auto one = waiting_and_blocked(1);
    auto two = waiting_and_blocked(2);
    fake::remove_card(reader_name);
    const Answer first = ended(one), second = ended(two);
    CHECK_RV(first.rv, CKR_OK);
    CHECK_RV(second.rv, CKR_OK);
    BOOST_CHECK_EQUAL(first.slot + second.slot, auth_slot + sign_slot);
    BOOST_CHECK_NE(first.slot, second.slot);
    BOOST_CHECK(events().empty());
}

BOOST_AUTO_TEST_CASE(finalize_from_another_thread_ends_all_waits) {
    for (const bool with_service : {true, false}) {
        Fixture f;
        if (!with_service) {
            fake::stop_service();
            events();
        }
        auto one = with_service ? waiting_and_blocked(1) : waiting();
        auto two = with_service ? waiting_and_blocked(2) : waiting();
        const auto before = std::chrono::steady_clock::now();
        REQUIRE_OK(C_Finalize(nullptr));
        CHECK_RV(ended(one).rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        CHECK_RV(ended(two).rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        if (with_service) BOOST_CHECK(std::chrono::steady_clock::now() - before < std::chrono::milliseconds(400));
        CK_SLOT_ID slot = 0;
        CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
}

BOOST_AUTO_TEST_CASE(finalize_just_before_wait_begins_ends_it) {
    // PC/SC ignores a cancel before the wait: it is noticed within half a second.
    Fixture f;
    fake::hurry_waits(50);
    std::atomic<bool> done = false;
    fake::on_wait([&] {
        if (done.exchange(true)) return;
        std::thread([] { C_Finalize(nullptr); }).join();
    });
    auto answer = waiting();
    CHECK_RV(ended(answer).rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    fake::on_wait({});
}

BOOST_AUTO_TEST_CASE(next_initialize_starts_without_earlier_waits_and_events) {
    Fixture f;
    auto answer = waiting_and_blocked();
    REQUIRE_OK(C_Finalize(nullptr));
    CHECK_RV(ended(answer).rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    fake::remove_card(reader_name);
    REQUIRE_OK(C_Initialize(nullptr));
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_CHECK(events().empty());
    answer = waiting_and_blocked();
    fake::insert_card(reader_name, f.card);
    check_reports(answer, auth_slot);
}

BOOST_AUTO_TEST_SUITE_END()
