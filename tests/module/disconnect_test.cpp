// Without a session the module does not keep the card connected: another program can have it exclusively. Cached data stays, and
// the card that is present afterwards is identified before it is used.
#include "recognition_fixture.hpp"
#include "test_clock.hpp"

#include <atomic>

using namespace jpki::test;

namespace {

bool free_for_others() {
    if (!fake::other_opens_exclusively(reader_name)) return false;
    fake::other_closes(reader_name);
    return true;
}

// A card whose token information was read; then its reader was unplugged and plugged in again with another person's. The reader
// has the same event counter.
struct Replugged : Fixture {
    Replugged() {
        REQUIRE_OK(token_info(auth_slot));
        fake::remove_reader(reader_name);
        fake::add_reader(reader_name, other);
        session = open(auth_slot);
    }
    const std::shared_ptr<CardModel> other = card_of_person(1);
    CK_SESSION_HANDLE session = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(disconnecting)

BOOST_AUTO_TEST_CASE(card_is_disconnected_after_each_call_without_session) {
    Fixture f;
    BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
    BOOST_CHECK(free_for_others());
    REQUIRE_OK(token_info(auth_slot));
    BOOST_CHECK(free_for_others());
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetMechanismList(sign_slot, nullptr, &count));
    BOOST_CHECK(free_for_others());
    CK_MECHANISM_INFO info{};
    REQUIRE_OK(C_GetMechanismInfo(auth_slot, CKM_SHA256_RSA_PKCS, &info));
    BOOST_CHECK(free_for_others());
    BOOST_CHECK_EQUAL(fake::open_now().handles, 0u);
}

BOOST_AUTO_TEST_CASE(session_keeps_connection_and_last_close_resets_security_status) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto second = f.open(sign_slot);
    BOOST_CHECK(!free_for_others());
    REQUIRE_OK(C_CloseSession(session));
    BOOST_CHECK(!free_for_others());
    BOOST_CHECK(!f.card->verified(KeyUse::authentication));
    REQUIRE_OK(C_CloseSession(second));
    BOOST_CHECK(free_for_others());
    f.open_logged_in(auth_slot);
    REQUIRE_OK(C_CloseAllSessions(auth_slot));
    BOOST_CHECK(!f.card->verified(KeyUse::authentication));
    BOOST_CHECK(free_for_others());
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(cached_data_is_not_read_again) {
    Fixture f;
    const std::string serial = token_serial(auth_slot);
    BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
    f.card->reset_counts();
    BOOST_CHECK_EQUAL(token_serial(auth_slot), serial);
    BOOST_CHECK_EQUAL(token_serial(sign_slot), serial);
    BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
    BOOST_CHECK_EQUAL(commands(*f.card), 0u);
}

BOOST_AUTO_TEST_CASE(card_is_usable_after_power_loss_without_connection) {
    for (const char* kind : {"adult", "first-6f00", "forgetful"}) BOOST_TEST_CONTEXT(kind) {
            Fixture f(knobs_of(kind));
            for (int i = 0; i < 3; ++i) {
                REQUIRE_OK(token_info(auth_slot));
                fake::power_down_idle(reader_name);
                REQUIRE_OK(token_info(sign_slot));
                test_clock::ahead += 2000;
                fake::power_down_idle(reader_name);
                const auto session = serves(f, i % 2 ? sign_slot : auth_slot, *f.card);
                REQUIRE_OK(C_CloseSession(session));
                fake::power_down_idle(reader_name);
            }
            test_clock::ahead = 0;
        }
}

BOOST_AUTO_TEST_CASE(another_card_after_reader_was_replugged_gets_no_pin_of_first) {
    Replugged f;
    CHECK_RV(f.login(f.session, auth_pin), CKR_DEVICE_REMOVED);
    BOOST_CHECK_EQUAL(verifies(*f.other, KeyUse::authentication), 0u);
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(f.session, &info), CKR_SESSION_HANDLE_INVALID);
    serves(f, auth_slot, *f.other);
}

// The command that shows which card is there may fail: until one has succeeded no PIN may go out.
BOOST_AUTO_TEST_CASE(another_card_gets_no_pin_of_first_after_fault_in_check_which_card_it_is) {
    const auto logs_in_twice = [](const std::function<void()>& disturb) {
        Replugged f;
        disturb();
        BOOST_CHECK_NE(rv_name(f.login(f.session, auth_pin)), rv_name(CKR_OK));
        BOOST_CHECK_NE(rv_name(f.login(f.session, auth_pin)), rv_name(CKR_OK));
        BOOST_CHECK_EQUAL(verifies(*f.other, KeyUse::authentication), 0u);
        fake::on_answer({});
    };
    logs_in_twice([] {
        fake::on_answer(
            [failed = std::make_shared<bool>(false)](const std::string&, model::ByteView command) -> std::optional<Bytes> {
                if (command[1] != 0xB0 || std::exchange(*failed, true)) return std::nullopt;
                return Bytes{0x6F, 0x00};
            });
    });
    // READ BINARY is the second command.
    logs_in_twice([] { fake::inject(reader_name, {Fault::Kind::reset, 1}); });
}

BOOST_AUTO_TEST_CASE(card_replaced_without_connection_is_detected) {
    Fixture f;
    const auto other = card_of_person(1);
    const std::string serial = token_serial(auth_slot);
    fake::swap_card(reader_name, other);
    BOOST_CHECK(token_serial(auth_slot) != serial);
    serves(f, auth_slot, *other);
}

BOOST_AUTO_TEST_CASE(end_of_connection_delays_no_other_reader) {
    const std::string second_reader = "Another Reader 01 00";
    Fixture f(impatient);
    fake::add_reader(second_reader, card_of_person(1));
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
    BOOST_CHECK_EQUAL(count, 4u);
    // A pending reset of the security status keeps the connection without a session.
    const auto session = f.open_logged_in(auth_slot);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    REQUIRE_OK(C_CloseSession(session));
    fake::other_ends_transaction(reader_name);
    BOOST_REQUIRE_EQUAL(fake::open_now().handles, 1u);
    fake::remove_card(reader_name);
    fake::Gate gate;
    fake::on_call([&, stopped = std::make_shared<std::atomic<bool>>(false)](fake::Function function) {
        if (function == fake::Function::disconnect && !stopped->exchange(true)) gate.wait_here();
    });
    auto finds_out = std::async(std::launch::async, [] { return says_present(auth_slot); });
    auto elsewhere = std::async(std::launch::async, [&] {
        gate.until_somebody_waits();
        return says_present(2);
    });
    const bool free = elsewhere.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    BOOST_CHECK(free);
    gate.open();
    BOOST_CHECK(elsewhere.get());
    BOOST_CHECK(!finds_out.get());
    fake::on_call({});
}

BOOST_AUTO_TEST_SUITE_END()
