// A removed card: its sessions, handles and login end with it, none of its data is returned, and the next
// C_OpenSession works without C_Finalize, after any other call.
#include "removal_fixture.hpp"

#include <array>
#include <malloc.h>

using namespace jpki::test;

BOOST_AUTO_TEST_SUITE(card)

BOOST_AUTO_TEST_CASE(every_call_after_removal_finds_session_invalid) {
    for (const Going& going : goings())
        for (const SessionCall& first : session_calls()) {
            BOOST_TEST_CONTEXT(going.name << ", first " << first.name) {
                Fixture f;
                const auto other = card_of_person(1);
                const auto session = f.open_logged_in(auth_slot, CKF_RW_SESSION);
                const auto key = find_key(session);
                REQUIRE_OK(sign_init(session, key));
                f.card->reset_counts();
                going.goes(f.card, other);
                CHECK_RV(first.call(session, key), CKR_SESSION_HANDLE_INVALID);
                for (const SessionCall& next : session_calls()) CHECK_RV(next.call(session, key), CKR_SESSION_HANDLE_INVALID);
                // No command was sent to the inserted card, and no PIN to either.
                BOOST_CHECK_EQUAL(other->counts().commands, 0u);
                BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
            }
        }
}

BOOST_AUTO_TEST_CASE(next_open_session_uses_inserted_card) {
    for (const Going& going : goings())
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            BOOST_TEST_CONTEXT(going.name << ", slot " << slot) {
                Fixture f;
                const auto other = card_of_person(1);
                const auto old = serves(f, slot, *f.card);
                const auto old_objects = find(old);
                going.goes(f.card, other);
                going.comes(f.card, other);
                // C_OpenSession is the first call that could detect it.
                const auto session = serves(f, slot, going.then_the_other ? *other : *f.card);
                BOOST_CHECK_NE(session, old);
                const auto objects = find(session);
                for (const auto object : old_objects) {
                    BOOST_CHECK(std::find(objects.begin(), objects.end(), object) == objects.end());
                    CK_ATTRIBUTE wanted = {CKA_CLASS, nullptr, 0};
                    CHECK_RV(C_GetAttributeValue(session, object, &wanted, 1), CKR_OBJECT_HANDLE_INVALID);
                    CHECK_RV(sign_init(session, object), CKR_KEY_HANDLE_INVALID);
                }
                CK_SESSION_INFO info{};
                CHECK_RV(C_GetSessionInfo(old, &info), CKR_SESSION_HANDLE_INVALID);
            }
        }
}

BOOST_AUTO_TEST_CASE(every_call_without_card_reports_it_and_slots_stay) {
    const std::vector<std::function<void()>> ways = {[] { fake::remove_card(reader_name); },
                                                     [] { fake::remove_reader(reader_name); }, [] { fake::stop_service(); }};
    for (const auto& goes : ways) {
        Fixture f;
        f.open_logged_in(auth_slot);
        goes();
        CK_SESSION_HANDLE session = 0;
        CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_PRESENT);
        CK_TOKEN_INFO token{};
        CHECK_RV(C_GetTokenInfo(sign_slot, &token), CKR_TOKEN_NOT_PRESENT);
        CK_ULONG count = 0;
        CHECK_RV(C_GetMechanismList(auth_slot, nullptr, &count), CKR_TOKEN_NOT_PRESENT);
        CHECK_RV(C_CloseAllSessions(auth_slot), CKR_OK);
        CK_SLOT_INFO slot{};
        REQUIRE_OK(C_GetSlotInfo(auth_slot, &slot));
        BOOST_CHECK_EQUAL(slot.flags & CKF_TOKEN_PRESENT, 0u);
        REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
        BOOST_CHECK_EQUAL(count, 2u);
        REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
        BOOST_CHECK_EQUAL(count, 0u);
    }
}

BOOST_AUTO_TEST_CASE(unused_sessions_of_removed_card_keep_no_connection_once_a_session_is_opened) {
    Fixture f;
    f.open(auth_slot);
    f.open(sign_slot);
    BOOST_REQUIRE_EQUAL(fake::open_now().handles, 1u);
    fake::swap_card(reader_name, card_of_person(1));
    f.open(auth_slot);
    BOOST_CHECK_EQUAL(fake::open_now().handles, 1u);
}

BOOST_AUTO_TEST_CASE(unused_sessions_of_removed_cards_keep_no_memory_once_a_session_is_opened) {
    const std::array people = {card_of_person(0), card_of_person(1)};
    Fixture f;
    const auto swap_cards = [&](std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) {
            fake::swap_card(reader_name, people[i % 2]);
            const auto session = f.open(auth_slot);
            BOOST_REQUIRE(!shown_certificate(session, auth_slot).empty());
        }
        return mallinfo2().uordblks;
    };
    const std::size_t before = swap_cards(20), after = swap_cards(100);
    // Sanitizers have their own heap.
    BOOST_WARN_GT(before, 0u);
    BOOST_CHECK_LT(after, before + std::size_t{100} * 1000);  // a certificate is longer
}

BOOST_AUTO_TEST_CASE(session_count_is_that_of_inserted_card) {
    Fixture f;
    f.open(auth_slot);
    f.open(auth_slot, CKF_RW_SESSION);
    CK_TOKEN_INFO token{};
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &token));
    BOOST_CHECK_EQUAL(token.ulSessionCount, 2u);
    BOOST_CHECK_EQUAL(token.ulRwSessionCount, 1u);
    fake::swap_card(reader_name, card_of_person(1));
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &token));
    BOOST_CHECK_EQUAL(token.ulSessionCount, 0u);
    BOOST_CHECK_EQUAL(token.ulRwSessionCount, 0u);
}

BOOST_AUTO_TEST_CASE(serial_number_differs_between_cards_and_is_constant) {
    Fixture f;
    const std::string first = token_serial(auth_slot);
    fake::swap_card(reader_name, card_of_person(1));
    BOOST_CHECK_NE(token_serial(auth_slot), first);
    fake::swap_card(reader_name, f.card);
    BOOST_CHECK_EQUAL(token_serial(auth_slot), first);
}

BOOST_AUTO_TEST_CASE(swap_unnoticed_by_service_returns_no_data_of_earlier_card) {
    Fixture f("[reader]\nbusy_timeout_ms = 20\n");
    const auto other = card_of_person(1);
    const auto session = serves(f, auth_slot, *f.card);
    const auto key = find_key(session);
    fake::swap_unnoticed(reader_name, other);
    CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);  // the resource manager only reports that a command failed
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    BOOST_CHECK_EQUAL(other->counts().commands, 0u);
    serves(f, auth_slot, *other);
}

BOOST_AUTO_TEST_CASE(swap_noticed_only_by_another_program_is_detected_from_card_contents) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        Fixture f;
        const auto other = card_of_person(1);
        const auto session = serves(f, slot, *f.card);
        const auto key = find_key(session);
        CK_TOKEN_INFO token{};
        REQUIRE_OK(C_GetTokenInfo(slot, &token));  // what a program reads for a list of tokens
        other_selects_jpki();
        fake::swap_unnoticed(reader_name, other);
        BOOST_CHECK_THROW(other_selects_jpki(), fake::OtherFailed);  // the failed command is the other program's
        CHECK_RV(try_sign(session, key), CKR_DEVICE_REMOVED);
        CK_SESSION_INFO info{};
        CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
        BOOST_CHECK_EQUAL(verifies(*other, KeyUse::authentication), 0u);
        serves(f, slot, *other);
    }
}

BOOST_AUTO_TEST_CASE(two_equal_bytes_of_certificate_do_not_show_same_card) {
    Fixture f;
    const auto session = serves(f, auth_slot, *f.card);
    const auto key = find_key(session);
    CK_TOKEN_INFO token{};
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &token));
    other_selects_another_application();
    fake::on_answer([](const std::string&, model::ByteView command) -> std::optional<Bytes> {
        if (command[1] == 0xB0 && command[2] == 0x8A) return Bytes{0x30, 0x82, 0x90, 0x00};  // every certificate begins so
        return std::nullopt;
    });
    CHECK_RV(try_sign(session, key), CKR_DEVICE_REMOVED);
    fake::on_answer({});
}

BOOST_AUTO_TEST_CASE(mute_card_is_absent_and_next_good_card_is_present) {
    Fixture f;
    const auto session = f.open(auth_slot);
    fake::remove_card(reader_name);
    fake::insert_mute_card(reader_name);
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    CK_SESSION_HANDLE none = 0;
    CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &none), CKR_TOKEN_NOT_PRESENT);
    fake::remove_card(reader_name);
    fake::insert_card(reader_name, f.card);
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(reset_keeps_session_and_login_follows_card) {
    // Suspend and resume are a reset, or a loss of power, with the card in the reader.
    for (const auto how : std::initializer_list<DWORD>{SCARD_RESET_CARD, SCARD_UNPOWER_CARD})
        for (const bool clears : {false, true}) {
            Knobs knobs;
            knobs.reset_clears_pin = clears;
            Fixture f(knobs);
            const auto session = serves(f, auth_slot, *f.card);
            const auto key = find_key(session);
            BOOST_REQUIRE(fake::other_resets(reader_name, how));
            BOOST_CHECK(shown_certificate(session, auth_slot) == certificate_of(*f.card, auth_slot));
            const bool lost = clears || how == SCARD_UNPOWER_CARD;
            CHECK_RV(try_sign(session, key), lost ? CKR_USER_NOT_LOGGED_IN : CKR_OK);
            if (!lost) continue;
            BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
            REQUIRE_OK(f.login(session, auth_pin));
            signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
        }
}

BOOST_AUTO_TEST_CASE(swap_between_holders_with_equal_pins_never_shows_earlier_certificate) {
    Fixture f;
    const auto other = card_of_person(1);
    for (int round = 0; round < 3; ++round)
        for (const auto& now : {other, f.card}) {
            fake::swap_card(reader_name, now);
            serves(f, auth_slot, *now);
            serves(f, sign_slot, *now);
        }
}

BOOST_AUTO_TEST_SUITE_END()
