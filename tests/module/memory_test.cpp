// The module answers from its cache what it has read before, at once, regardless of other users of the card.
#include "other_programs_fixture.hpp"
#include "pki_copy.hpp"

#include "gate.hpp"

#include <future>
#include <map>
#include <thread>

using namespace jpki::test;

namespace {

const std::string patient = "[reader]\nbusy_timeout_ms = 8000\n";

// Everything that a program reads of a slot: every object with every attribute.
std::map<CK_OBJECT_HANDLE, std::vector<std::pair<CK_ATTRIBUTE_TYPE, Bytes>>> everything(CK_SESSION_HANDLE session) {
    std::map<CK_OBJECT_HANDLE, std::vector<std::pair<CK_ATTRIBUTE_TYPE, Bytes>>> all;
    for (const auto object : find(session)) all[object] = all_attributes(session, object);
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory)

BOOST_AUTO_TEST_CASE(cached_searches_and_attributes_wait_for_no_other_program) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
        for (const bool logged_in : {true, false}) {
            Fixture f(patient);
            const auto session = logged_in ? f.open_logged_in(slot) : f.open(slot);
            const auto before = everything(session);
            CK_ULONG mechanisms = 0;
            REQUIRE_OK(C_GetMechanismList(slot, nullptr, &mechanisms));
            const std::string serial = token_serial(slot);
            BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
            fake::reset_calls();
            const auto start = std::chrono::steady_clock::now();
            BOOST_CHECK(everything(session) == before);
            CK_ULONG again = 0;
            REQUIRE_OK(C_GetMechanismList(slot, nullptr, &again));
            BOOST_CHECK_EQUAL(again, mechanisms);
            BOOST_CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(4));
            BOOST_CHECK_EQUAL(fake::calls(fake::Function::begin_transaction), 0u);
            fake::other_ends_transaction(reader_name);
            BOOST_CHECK_EQUAL(token_serial(slot), serial);
        }
}

BOOST_AUTO_TEST_CASE(token_information_is_cached_for_one_second) {
    Fixture f(patient);
    const std::string serial = token_serial(auth_slot);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    fake::reset_calls();
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) BOOST_CHECK_EQUAL(token_serial(slot), serial);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::begin_transaction), 0u);
    fake::other_ends_transaction(reader_name);
}

BOOST_AUTO_TEST_CASE(cached_searches_and_attributes_wait_for_no_other_thread) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto another = f.open(auth_slot);
    const auto key = find_key(session);
    const auto before = everything(another);
    fake::Gate gate;
    fake::on_transmit([&](const std::string&, model::ByteView command) {
        if (command[1] == 0x2A) gate.wait_here();  // a signature takes its time
    });
    auto signing = std::async(std::launch::async, [&] { return try_sign(session, key); });
    gate.until_somebody_waits();
    auto reading = std::async(std::launch::async, [&] { return everything(another) == before; });
    BOOST_CHECK(reading.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    gate.open();
    BOOST_CHECK(reading.get());
    CHECK_RV(signing.get(), CKR_OK);
    fake::on_transmit({});
}

BOOST_AUTO_TEST_CASE(cached_answers_do_not_wait_behind_waiting_thread) {
    Fixture f(patient);
    const auto session = f.open_logged_in(auth_slot);
    const auto another = f.open(auth_slot);
    const auto key = find_key(session);
    const auto before = everything(another);
    BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
    fake::reset_calls();
    auto signing = std::async(std::launch::async, [&] { return try_sign(session, key); });
    while (fake::calls(fake::Function::get_attrib) < 4) std::this_thread::yield();  // it waits
    auto reading = std::async(std::launch::async, [&] { return everything(another) == before; });
    BOOST_CHECK(reading.wait_for(std::chrono::seconds(4)) == std::future_status::ready);
    fake::other_ends_transaction(reader_name);
    BOOST_CHECK(reading.get());
    CHECK_RV(signing.get(), CKR_OK);
}

BOOST_AUTO_TEST_CASE(data_that_needs_pin_is_not_returned_after_logout) {
    for (const bool phone : {true, false}) {
        Knobs knobs;
        knobs.phone = phone;
        Fixture f(knobs);
        const CK_SLOT_ID slot = phone ? auth_slot : sign_slot;
        const auto session = f.open_logged_in(slot);
        const auto objects = find(session);
        REQUIRE_OK(C_Logout(session));
        BOOST_CHECK_EQUAL(find(session).size(), 1u);  // the CA's certificate
        for (const auto object : objects) {
            CK_ATTRIBUTE value = {CKA_VALUE, nullptr, 0};
            const CK_RV rv = C_GetAttributeValue(session, object, &value, 1);
            if (rv == CKR_OK) BOOST_CHECK_EQUAL(object, find(session).front());
            else CHECK_RV(rv, CKR_OBJECT_HANDLE_INVALID);
        }
    }
}

// A flipped bit in the certificate is remembered: signatures are then checked, or not returned.
BOOST_AUTO_TEST_CASE(authentication_key_with_differing_certificate_reads_signs_only_checked) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    std::size_t reads = 0;
    bool spoils = true, flips = false;
    fake::on_answer([&](const std::string&, model::ByteView command) -> std::optional<Bytes> {
        Bytes answer = f.card->transmit(command);
        const bool last_part =
            command[1] == 0xB0 && command[2] >= 0x01 && command[2] < 0x80 && answer.size() > 18 && answer.size() < 258;
        if (spoils && last_part) answer[++reads % 16] ^= 0x10;
        if (flips && command[1] == 0x2A) answer[100] ^= 0x01;
        return answer;
    });
    CHECK_RV(search(session), CKR_DEVICE_ERROR);
    Bytes signature;
    CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);  // there is nothing to check it with
    spoils = false;
    flips = true;
    CHECK_RV(try_sign(session, key), CKR_DEVICE_ERROR);  // checked, and wrong
    flips = false;
    CHECK_RV(try_sign(session, key), CKR_OK);
    fake::on_answer({});
}

// The login ends between the start of C_Sign and the read of the certificate that its signature would be checked with.
BOOST_AUTO_TEST_CASE(login_lost_before_doubted_certificate_is_read_again_is_reported_as_lost) {
    Fixture f;
    const auto session = f.open_logged_in(sign_slot);
    const auto key = find_key(session);
    std::size_t reads = 0;
    fake::on_answer([&](const std::string&, model::ByteView command) -> std::optional<Bytes> {
        Bytes answer = f.card->transmit(command);
        if (command[1] == 0xB0 && command[2] >= 0x01 && command[2] < 0x80 && answer.size() > 18 && answer.size() < 258)
            answer[++reads % 16] ^= 0x10;
        return answer;
    });
    CHECK_RV(search(session), CKR_DEVICE_ERROR);
    fake::on_answer({});
    other_selects_another_application();
    other_selects_jpki();
    CHECK_RV(try_sign(session, key), CKR_USER_NOT_LOGGED_IN);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(f.card->counts().signatures[1], 0u);
}

BOOST_AUTO_TEST_SUITE_END()
