// A card that is removed during a call: CKR_DEVICE_REMOVED, and then as after any other removal.
#include "removal_fixture.hpp"

#include <atomic>

using namespace jpki::test;

namespace {

struct Pull {
    const char* name;
    std::function<void(const fake::Card& other)> pull;
    std::function<void(const fake::Card& other)> repair;
    LONG answer = SCARD_W_REMOVED_CARD;
};

std::vector<Pull> pulls() {
    const auto remove = [](const fake::Card&) { fake::remove_card(reader_name); };
    const auto insert = [](const fake::Card& other) { fake::insert_card(reader_name, other); };
    const auto swap = [](const fake::Card& other) { fake::swap_card(reader_name, other); };
    const auto nothing = [](const fake::Card&) {};
    return {{"removed", remove, insert},
            {"removed, code of CCID", remove, insert, SCARD_E_NO_SMARTCARD},
            {"removed, code of vpcd", remove, insert, SCARD_E_NOT_TRANSACTED},
            {"swapped", swap, nothing},
            {"swapped, as vpcd says it", swap, nothing, SCARD_E_NOT_TRANSACTED},
            {"reader unplugged", [](const fake::Card&) { fake::remove_reader(reader_name); },
             [](const fake::Card& other) { fake::add_reader(reader_name, other); }},
            {"service stopped",
             [](const fake::Card& other) {
                 fake::stop_service();
                 fake::remove_card(reader_name);
                 fake::insert_card(reader_name, other);
             },
             [](const fake::Card&) { fake::start_service(); }}};
}

// Removes the card at the n-th command with the instruction `ins` from now on.
void pull_at(std::uint8_t ins, int n, const Pull& pull, const fake::Card& other) {
    const auto left = std::make_shared<std::atomic<int>>(n);
    fake::on_transmit([=](const std::string&, jpki::model::ByteView command) {
        if (command[1] == ins && (*left)-- == 0) pull.pull(other);
    });
}

// `prepare` makes a session, `call` is the call during which the card is removed.
void check_pulled_in(std::uint8_t ins, int n, CK_SLOT_ID slot, const std::function<void(Fixture&, CK_SESSION_HANDLE)>& prepare,
                     const std::function<CK_RV(Fixture&, CK_SESSION_HANDLE, CK_OBJECT_HANDLE)>& call) {
    for (const Pull& pull : pulls()) {
        BOOST_TEST_CONTEXT(pull.name << ", slot " << slot << ", command " << int(ins) << " no " << n) {
            Fixture f;
            const auto other = card_of_person(1);
            const auto session = f.open(slot);
            prepare(f, session);
            const CK_OBJECT_HANDLE key = f.state(session) == CKS_RO_USER_FUNCTIONS ? find_key(session) : 0;
            f.card->reset_counts();
            fake::removal_answers(reader_name, pull.answer);
            pull_at(ins, n, pull, other);
            CHECK_RV(call(f, session, key), CKR_DEVICE_REMOVED);
            fake::on_transmit({});
            CK_SESSION_INFO info{};
            CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
            BOOST_CHECK_EQUAL(f.card->counts().signatures[slot % 2], 0u);
            BOOST_CHECK_EQUAL(other->counts().commands, 0u);
            pull.repair(other);
            serves(f, slot, *other);
        }
    }
}

void log_in(Fixture& f, CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info{};
    REQUIRE_OK(C_GetSessionInfo(session, &info));
    REQUIRE_OK(f.login(session, info.slotID % 2 == 0 ? auth_pin : sign_pin));
}

CK_RV find_all(Fixture&, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE) {
    REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 0;
    return C_FindObjects(session, found, 8, &count);
}

constexpr std::uint8_t ins_verify = 0x20, ins_sign = 0x2A, ins_read = 0xB0, ins_select = 0xA4, ins_change = 0x24;

}  // namespace

BOOST_AUTO_TEST_SUITE(in_the_middle)

BOOST_AUTO_TEST_CASE(removal_during_signature_is_reported) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
        check_pulled_in(ins_sign, 0, slot, log_in,
                        [](Fixture&, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) { return try_sign(session, key); });
}

BOOST_AUTO_TEST_CASE(removal_during_login_is_reported) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
        for (const std::uint8_t ins : {ins_select, ins_verify})
            check_pulled_in(
                ins, 0, slot, [](Fixture&, CK_SESSION_HANDLE) {},
                [&](Fixture& f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE) {
                    const CK_RV rv = f.login(session, slot == auth_slot ? auth_pin : sign_pin);
                    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication) + verifies(*f.card, KeyUse::signature), 0u);
                    return rv;
                });
}

BOOST_AUTO_TEST_CASE(removal_during_search_is_reported) {
    for (const int n : {0, 3, 8})
        check_pulled_in(
            ins_read, n, auth_slot, [](Fixture&, CK_SESSION_HANDLE) {}, find_all);
    check_pulled_in(ins_read, 3, sign_slot, log_in, find_all);
}

BOOST_AUTO_TEST_CASE(removal_during_logout_is_reported) {
    check_pulled_in(ins_select, 0, auth_slot, log_in,
                    [](Fixture&, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE) { return C_Logout(session); });
}

BOOST_AUTO_TEST_CASE(removal_during_pin_change_is_reported) {
    for (const Pull& pull : pulls())
        for (const std::uint8_t ins : {ins_verify, ins_change}) {
            Fixture f;
            const auto other = card_of_person(1);
            const auto session = f.open(auth_slot, CKF_RW_SESSION);
            fake::removal_answers(reader_name, pull.answer);
            pull_at(ins, 0, pull, other);
            CHECK_RV(set_pin(session, auth_pin, "4711"), CKR_DEVICE_REMOVED);
            fake::on_transmit({});
            BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), auth_pin);
            BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 3);
            pull.repair(other);
            serves(f, auth_slot, *other);
        }
}

BOOST_AUTO_TEST_CASE(removal_during_first_read_is_token_not_present) {
    for (const Pull& pull : pulls()) {
        if (std::string(pull.name).starts_with("swapped")) continue;  // the other card is looked at instead
        BOOST_TEST_CONTEXT(pull.name) {
            Fixture f;
            const auto other = card_of_person(1);
            fake::removal_answers(reader_name, pull.answer);
            pull_at(ins_select, 0, pull, other);
            CK_SESSION_HANDLE session = 0;
            CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_PRESENT);
            fake::on_transmit({});
            pull.repair(other);
            serves(f, auth_slot, *other);
        }
    }
}

BOOST_AUTO_TEST_CASE(swap_during_first_read_reads_other_card) {
    Fixture f;
    const auto other = card_of_person(1);
    pull_at(ins_select, 0, pulls()[3], other);
    serves(f, auth_slot, *other);
}

BOOST_AUTO_TEST_CASE(repeated_swaps_during_first_reads_end_with_token_not_present) {
    Fixture f;
    fake::on_transmit([&](const std::string&, jpki::model::ByteView) { fake::swap_card(reader_name, f.card); });
    CK_SESSION_HANDLE session = 0;
    CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_PRESENT);
    fake::on_transmit({});
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(card_replaced_and_reset_before_transaction_is_not_taken_for_first) {
    // pcsc-lite reports only the last event to a connection: here a reset, of the card of the connection.
    Fixture f;
    const auto other = card_of_person(1);
    const auto session = f.open_logged_in(auth_slot);
    REQUIRE_OK(sign_init(session, find_key(session)));
    fake::on_call([&, done = std::make_shared<bool>(false)](fake::Function function) {
        if (function != fake::Function::begin_transaction || std::exchange(*done, true)) return;
        fake::swap_card(reader_name, other);
        BOOST_REQUIRE_EQUAL(other_verifies(KeyUse::authentication, other->pin(KeyUse::authentication)), 0x9000);
        BOOST_REQUIRE(fake::other_resets(reader_name));
        other->reset_counts();
    });
    CHECK_RV(finish_sign(session), CKR_DEVICE_REMOVED);
    fake::on_call({});
    BOOST_CHECK_EQUAL(other->counts().commands, 0u);
    BOOST_CHECK(other->verified(KeyUse::authentication));  // nor was it powered off
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    serves(f, auth_slot, *other);
}

BOOST_AUTO_TEST_CASE(card_without_application_after_reset_is_another_card_and_gets_no_pin) {
    Fixture f;
    const auto session = f.open(auth_slot);
    fake::on_answer([](const std::string&, model::ByteView command) -> std::optional<Bytes> {
        if (command[1] == 0xA4 && command[2] == 0x04) return Bytes{0x6A, 0x82};
        return std::nullopt;
    });
    CHECK_RV(f.login(session, auth_pin), CKR_DEVICE_REMOVED);
    fake::on_answer({});
    BOOST_CHECK_EQUAL(f.card->counts().verify[0], 0u);
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_SUITE_END()
