// Readers and the service: slot ids keep their meaning, readers appear later, the service stops for a while.
#include "log_file.hpp"
#include "removal_fixture.hpp"

#include <cstring>

using namespace jpki::test;

namespace {

const std::string second_reader = "Another Reader 01 00";

std::vector<CK_SLOT_ID> slots(bool with_token) {
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(with_token ? CK_TRUE : CK_FALSE, nullptr, &count));
    std::vector<CK_SLOT_ID> ids(count);
    REQUIRE_OK(C_GetSlotList(with_token ? CK_TRUE : CK_FALSE, ids.data(), &count));
    ids.resize(count);
    return ids;
}

std::string description(CK_SLOT_ID slot) {
    CK_SLOT_INFO info{};
    REQUIRE_OK(C_GetSlotInfo(slot, &info));
    return {reinterpret_cast<const char*>(info.slotDescription), sizeof info.slotDescription};
}

using Slots = std::vector<CK_SLOT_ID>;

}  // namespace

BOOST_AUTO_TEST_SUITE(reader)

BOOST_AUTO_TEST_CASE(two_readers_with_two_cards_are_independent) {
    Fixture f;
    const auto other = card_of_person(1);
    fake::add_reader(second_reader, other);
    BOOST_CHECK(slots(true) == (Slots{0, 1, 2, 3}));
    const auto session = serves(f, 0, *f.card);
    const auto beside = serves(f, 2, *other);
    fake::remove_card(reader_name);
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    BOOST_CHECK_EQUAL(f.state(beside), CKS_RO_USER_FUNCTIONS);
    signed_by(beside, find_key(beside), CKM_SHA256_RSA_PKCS, text);
    BOOST_CHECK(slots(true) == (Slots{2, 3}));
    // The cards change places.
    fake::remove_card(second_reader);
    fake::insert_card(reader_name, other);
    fake::insert_card(second_reader, f.card);
    CHECK_RV(C_GetSessionInfo(beside, &info), CKR_SESSION_HANDLE_INVALID);
    serves(f, 0, *other);
    serves(f, 2, *f.card);
    serves(f, 3, *f.card);
}

BOOST_AUTO_TEST_CASE(slot_ids_keep_their_meaning_when_readers_change) {
    Fixture f;
    fake::add_reader(second_reader);
    BOOST_CHECK(slots(false) == (Slots{0, 1, 2, 3}));
    std::vector<std::string> names;
    for (CK_SLOT_ID id = 0; id < 4; ++id) names.push_back(description(id));
    const auto same = [&] {
        for (CK_SLOT_ID id = 0; id < 4; ++id) BOOST_CHECK_EQUAL(description(id), names[id]);
    };
    fake::remove_reader(reader_name);
    BOOST_CHECK(slots(false) == (Slots{0, 1, 2, 3}));
    same();
    fake::add_reader("Third Reader 02 00", card_of_person(1));  // pcscd gives it the first one's place
    BOOST_CHECK(slots(false) == (Slots{0, 1, 2, 3, 4, 5}));
    BOOST_CHECK(slots(true) == (Slots{4, 5}));
    same();
    fake::add_reader(reader_name, f.card);
    BOOST_CHECK(slots(true) == (Slots{0, 1, 4, 5}));
    same();
    fake::stop_service();
    BOOST_CHECK(slots(false) == (Slots{0, 1, 2, 3, 4, 5}));
    same();
    CK_SLOT_INFO info{};
    CHECK_RV(C_GetSlotInfo(6, &info), CKR_SLOT_ID_INVALID);
    fake::start_service();
    BOOST_CHECK(slots(true) == (Slots{0, 1, 4, 5}));
    same();
    serves(f, 0, *f.card);
}

BOOST_AUTO_TEST_CASE(reader_that_appears_after_initialize_is_listed_when_count_is_asked_for) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto other = card_of_person(1);
    fake::add_reader(second_reader, other);
    // The list has the length that was returned before: a caller's buffer of two is not too small later.
    CK_SLOT_ID ids[2];
    CK_ULONG count = 2;
    REQUIRE_OK(C_GetSlotList(CK_TRUE, ids, &count));
    BOOST_CHECK_EQUAL(count, 2u);
    BOOST_CHECK(slots(true) == (Slots{0, 1, 2, 3}));
    serves(f, 2, *other);
    serves(f, 3, *other);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
}

BOOST_AUTO_TEST_CASE(slot_can_be_used_without_slot_list) {
    const std::vector<std::function<CK_RV()>> first_calls = {
        [] {
            CK_SESSION_HANDLE session = 0;
            return C_OpenSession(sign_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
        },
        [] {
            CK_SLOT_INFO info{};
            return C_GetSlotInfo(sign_slot, &info);
        },
        [] {
            CK_TOKEN_INFO info{};
            return C_GetTokenInfo(sign_slot, &info);
        },
    };
    for (const auto& call : first_calls) {
        fake::reset_everything();
        fake::add_reader(reader_name, card_of_person(0));
        const SettingsFile settings("");
        REQUIRE_OK(C_Initialize(nullptr));
        CHECK_RV(call(), CKR_OK);
        CK_SESSION_HANDLE session = 0;
        CHECK_RV(C_OpenSession(2, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_SLOT_ID_INVALID);
        REQUIRE_OK(C_Finalize(nullptr));
    }
}

BOOST_AUTO_TEST_CASE(service_may_start_after_initialize) {
    fake::reset_everything();
    fake::stop_service();
    const auto card = card_of_person(0);
    fake::add_reader(reader_name, card);
    const SettingsFile settings("");
    REQUIRE_OK(C_Initialize(nullptr));
    BOOST_CHECK(slots(false).empty());
    CK_SESSION_HANDLE session = 0;
    CHECK_RV(C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_SLOT_ID_INVALID);
    CK_SLOT_ID slot = 0;
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_NO_EVENT);
    fake::start_service();
    BOOST_CHECK(slots(true) == (Slots{0, 1}));
    REQUIRE_OK(C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session));
    BOOST_CHECK(shown_certificate(session, 0) == certificate_of(*card, 0));
    REQUIRE_OK(C_Finalize(nullptr));
    BOOST_CHECK(fake::open_now() == fake::Open{});
}

BOOST_AUTO_TEST_CASE(missing_service_is_neither_error_nor_delay) {
    fake::reset_everything();
    fake::stop_service();
    const SettingsFile settings("");
    REQUIRE_OK(C_Initialize(nullptr));
    for (int i = 0; i < 100; ++i) BOOST_CHECK(slots(false).empty());
    REQUIRE_OK(C_Finalize(nullptr));
}

BOOST_AUTO_TEST_CASE(repeated_restarts_of_service_are_handled) {
    Fixture f;
    for (int round = 0; round < 5; ++round) {
        const auto session = serves(f, auth_slot, *f.card);
        fake::stop_service();
        if (round % 2) BOOST_CHECK(slots(true).empty());
        fake::start_service();
        CK_SESSION_INFO info{};
        CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    }
    BOOST_CHECK_LE(fake::open_now().contexts, 2u);
    BOOST_CHECK_LE(fake::open_now().handles, 1u);
}

BOOST_AUTO_TEST_CASE(first_call_after_restart_of_service_shows_card) {
    const std::vector<std::pair<const char*, std::function<CK_RV()>>> first_calls = {
        {"C_GetTokenInfo",
         [] {
             CK_TOKEN_INFO info{};
             return C_GetTokenInfo(auth_slot, &info);
         }},
        {"C_OpenSession",
         [] {
             CK_SESSION_HANDLE s = 0;
             return C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &s);
         }},
        {"C_GetMechanismList",
         [] {
             CK_ULONG count = 0;
             return C_GetMechanismList(sign_slot, nullptr, &count);
         }},
        {"C_GetSlotInfo",
         [] {
             CK_SLOT_INFO info{};
             const CK_RV rv = C_GetSlotInfo(auth_slot, &info);
             return info.flags & CKF_TOKEN_PRESENT ? rv : CKR_TOKEN_NOT_PRESENT;
         }},
        {"C_GetSlotList", [] {
             CK_SLOT_ID ids[2];
             CK_ULONG count = 2;
             const CK_RV rv = C_GetSlotList(CK_TRUE, ids, &count);
             return count == 2 ? rv : CKR_TOKEN_NOT_PRESENT;
         }}};
    for (const auto& [name, call] : first_calls) {
        BOOST_TEST_CONTEXT(name) {
            Fixture f;
            f.open(auth_slot);
            fake::stop_service();
            fake::start_service();
            CHECK_RV(call(), CKR_OK);
        }
    }
}

BOOST_AUTO_TEST_CASE(sixteen_readers_work) {
    Fixture f;
    std::vector<fake::Card> cards = {f.card};
    for (int i = 1; i < 16; ++i) {
        cards.push_back(card_of_person(static_cast<unsigned>(i % 2)));
        fake::add_reader("Reader of many " + std::to_string(i), cards.back());
    }
    BOOST_CHECK_EQUAL(slots(true).size(), 32u);
    CK_SLOT_ID slot = 0;
    CHECK_RV(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_NO_EVENT);
    for (CK_SLOT_ID id = 0; id < 32; id += 10) serves(f, id, *cards[id / 2]);
}

BOOST_AUTO_TEST_CASE(refusal_by_polkit_is_logged_once_with_remedy_and_access_resumes_when_allowed) {
    const LogFile log;
    const auto refusals = [&] {
        const auto lines = log.lines();
        return std::count_if(lines.begin(), lines.end(),
                             [](const std::string& line) { return line.find("(polkit)") != std::string::npos; });
    };
    Fixture f(log.settings());
    REQUIRE_OK(C_Finalize(nullptr));  // with the context that the fixture's slot list has opened
    fake::fail(fake::Function::establish_context, static_cast<LONG>(SCARD_W_SECURITY_VIOLATION), 40);
    REQUIRE_OK(C_Initialize(nullptr));
    for (int i = 0; i < 3; ++i) BOOST_CHECK(slots(false).empty());
    BOOST_CHECK_EQUAL(refusals(), 1);
    for (int i = 0; i < 40 && slots(false).empty(); ++i) {
    }
    BOOST_CHECK(slots(true) == (Slots{0, 1}));
    BOOST_CHECK_EQUAL(refusals(), 1);
}

BOOST_AUTO_TEST_SUITE_END()
