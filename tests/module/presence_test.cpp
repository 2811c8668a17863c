// "Token present" is true: C_GetSlotInfo and C_GetSlotList(CK_TRUE) examine a new card once, and never wait.
#include "recognition_fixture.hpp"

using namespace jpki::test;

namespace {

const std::string patient = "[reader]\nbusy_timeout_ms = 20000\n";
const auto both = Slots{auth_slot, sign_slot};

struct Kind {
    const char* name;
    Slots slots;
    std::size_t commands;  // of the first examination
};
const std::vector<Kind> kinds = {
    {"adult", both, 2},      {"child", {auth_slot}, 3}, {"child-empty", {auth_slot}, 3}, {"no-authentication", {sign_slot}, 3},
    {"first-6f00", both, 3}, {"phone", both, 2},        {"no-short-forms", both, 4},     {"foreign", {}, 1}};

}  // namespace

BOOST_AUTO_TEST_SUITE(presence)

BOOST_AUTO_TEST_CASE(token_presence_agrees_between_list_slots_and_other_calls) {
    for (const bool list_first : {true, false})
        for (const Kind& kind : kinds) BOOST_TEST_CONTEXT(kind.name << ", list first: " << list_first) {
                Fixture f(knobs_of(kind.name));
                if (list_first) BOOST_CHECK(slots_with_token() == kind.slots);
                else says_present(sign_slot);
                BOOST_CHECK_EQUAL(commands(*f.card), kind.commands);
                for (int i = 0; i < 20; ++i) {
                    BOOST_CHECK(slots_with_token() == kind.slots);
                    for (const CK_SLOT_ID slot : both)
                        BOOST_CHECK_EQUAL(says_present(slot), std::count(kind.slots.begin(), kind.slots.end(), slot) == 1);
                }
                BOOST_CHECK_EQUAL(commands(*f.card), kind.commands);
                BOOST_CHECK(slot_events().empty());
                for (const CK_SLOT_ID slot : both) {
                    const CK_RV absent = kind.slots.empty() ? CKR_TOKEN_NOT_RECOGNIZED : CKR_TOKEN_NOT_PRESENT;
                    const CK_RV expected = says_present(slot) ? CKR_OK : absent;
                    CHECK_RV(open_session(slot), expected);
                    CHECK_RV(token_info(slot), expected);
                }
            }
}

BOOST_AUTO_TEST_CASE(each_insertion_is_examined_once) {
    Fixture f;
    for (std::size_t i = 1; i <= 3; ++i) {
        BOOST_CHECK(slots_with_token() == both);
        BOOST_CHECK_EQUAL(commands(*f.card), 2 * i);
        fake::remove_card(reader_name);
        BOOST_CHECK(slots_with_token().empty());
        fake::insert_card(reader_name, f.card);
    }
}

BOOST_AUTO_TEST_CASE(empty_slot_and_list_of_all_slots_cause_no_connection_and_no_command) {
    Fixture f;
    fake::reset_calls();
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_CHECK_EQUAL(count, 2u);
    fake::remove_card(reader_name);
    BOOST_CHECK(slots_with_token().empty());
    BOOST_CHECK(!says_present(auth_slot));
    fake::insert_mute_card(reader_name);
    BOOST_CHECK(slots_with_token().empty());
    BOOST_CHECK(!says_present(auth_slot));
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::connect), 0u);
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
}

BOOST_AUTO_TEST_CASE(first_signature_after_slot_list_takes_5_commands) {
    for (const bool list : {true, false}) {
        Fixture f;
        if (list) BOOST_CHECK(slots_with_token() == both);
        else BOOST_CHECK(says_present(auth_slot));
        const auto session = f.open_logged_in(auth_slot);
        signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
        BOOST_CHECK_LE(commands(*f.card), 5u);
    }
}

BOOST_AUTO_TEST_CASE(existence_file_is_read_from_card_recognised_by_session) {
    Fixture f(knobs_of("child"));
    const auto session = f.open(auth_slot);
    BOOST_CHECK(slots_with_token() == Slots{auth_slot});
    BOOST_CHECK_LE(commands(*f.card), 4u);  // no answer of another application is trusted
    BOOST_CHECK(slots_with_token() == Slots{auth_slot});
    BOOST_CHECK_LE(commands(*f.card), 4u);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
}

BOOST_AUTO_TEST_CASE(token_presence_does_not_wait_for_transaction_and_correction_is_event) {
    Fixture f(patient, knobs_of("child"));
    const auto session = f.open(auth_slot);  // recognised, its keys not yet read
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    const auto took = time_of([] {
        for (int i = 0; i < 10; ++i) {
            BOOST_CHECK(slots_with_token() == both);
            BOOST_CHECK(says_present(sign_slot));
        }
    });
    BOOST_CHECK_LT(took.count(), 5000);
    BOOST_CHECK(slot_events().empty());
    fake::other_ends_transaction(reader_name);
    BOOST_CHECK(slot_events() == Slots{sign_slot});
    BOOST_CHECK(!says_present(sign_slot));
    BOOST_CHECK(says_present(auth_slot));
    REQUIRE_OK(C_CloseSession(session));
}

BOOST_AUTO_TEST_CASE(token_presence_does_not_wait_for_another_thread) {
    Fixture f(patient);
    const auto session = f.open(auth_slot);
    fake::Gate gate;
    fake::on_transmit([&, stopped = std::make_shared<bool>(false)](const std::string&, jpki::model::ByteView command) {
        if (command[1] == 0x20 && !std::exchange(*stopped, true)) gate.wait_here();
    });
    auto login = std::async(std::launch::async, [&] { return f.login(session, auth_pin); });
    gate.until_somebody_waits();
    const test_clock::SleepsTakeNoTime no_waits;
    const long before = test_clock::ahead;
    auto polls = std::async(std::launch::async, [] { return slots_with_token() == both && says_present(auth_slot); });
    const bool free = polls.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    BOOST_CHECK(free);
    BOOST_CHECK_EQUAL(test_clock::ahead - before, 0);  // milliseconds that the module slept
    gate.open();
    BOOST_CHECK(polls.get());
    CHECK_RV(login.get(), CKR_OK);
    fake::on_transmit({});
}

BOOST_AUTO_TEST_CASE(threads_in_parallel_all_see_new_card) {
    Fixture f;
    fake::Gate gate;
    fake::on_transmit([&, stopped = std::make_shared<bool>(false)](const std::string&, jpki::model::ByteView) {
        if (!std::exchange(*stopped, true)) gate.wait_here();
    });
    // Not the fixture's functions: Boost.Test's checks are for one thread at a time.
    const auto lists_both = [] {
        CK_SLOT_ID slots[4];
        CK_ULONG count = 4;
        return C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK && count == 2;
    };
    auto first = std::async(std::launch::async, lists_both);
    gate.until_somebody_waits();  // during the SELECT that recognises the card
    auto second = std::async(std::launch::async, lists_both);
    auto third = std::async(std::launch::async, [] {
        CK_SLOT_INFO info{};
        return C_GetSlotInfo(sign_slot, &info) == CKR_OK && (info.flags & CKF_TOKEN_PRESENT);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    gate.open();
    BOOST_CHECK(first.get());
    BOOST_CHECK(second.get());
    BOOST_CHECK(third.get());
    BOOST_CHECK_EQUAL(commands(*f.card), 2);
    fake::on_transmit({});
}

BOOST_AUTO_TEST_CASE(unreadable_existence_file_is_not_read_repeatedly) {
    Fixture f;
    fake::on_answer([](const std::string&, jpki::model::ByteView command) -> std::optional<Bytes> {
        if (command[1] == 0xB0 && command[2] == 0x88) return Bytes{0x69, 0xC2};
        return std::nullopt;
    });
    for (int i = 0; i < 20; ++i) BOOST_CHECK(slots_with_token() == both);
    BOOST_CHECK_LE(commands(*f.card), 6u);
    fake::on_answer({});
    serves(f, sign_slot, *f.card);
}

BOOST_AUTO_TEST_SUITE_END()
