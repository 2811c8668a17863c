// Foreign cards that do not answer 6A82: after two odd answers they are ignored. And a JPKI card that gives one.
#include "recognition_fixture.hpp"
#include "test_clock.hpp"

using namespace jpki::test;
using jpki::model::ByteView;

namespace {

struct Odd {
    const char* name;
    Bytes answer;
    Bytes then = {};  // to GET RESPONSE
};
const std::vector<Odd> odd_answers = {{"no byte at all", {}},
                                      {"one byte", {0x90}},
                                      {"6300", {0x63, 0x00}},
                                      {"6F00", {0x6F, 0x00}},
                                      {"6881", {0x68, 0x81}},
                                      {"6982", {0x69, 0x82}},
                                      {"6200", {0x62, 0x00}},
                                      {"61xx and then an error", {0x61, 0x10}, {0x6F, 0x00}},
                                      {"61xx and then not found", {0x61, 0x10}, {0x6A, 0x82}},
                                      {"61xx and then nothing", {0x61, 0x10}, {}}};

// For the next `times` SELECTs.
void answer_oddly(const Odd& odd, std::size_t times, std::size_t& selects) {
    selects = 0;
    fake::on_answer([&selects, odd, times](const std::string&, ByteView command) -> std::optional<Bytes> {
        if (command[1] == 0xC0) return odd.then;
        if (!is_select_of_ours(command) || ++selects > times) return std::nullopt;
        return odd.answer;
    });
}

constexpr std::size_t always = 1000000;

}  // namespace

BOOST_AUTO_TEST_SUITE(odd)

BOOST_AUTO_TEST_CASE(card_with_odd_answers_gets_two_commands_and_is_ignored_until_removed) {
    for (const Odd& odd : odd_answers) BOOST_TEST_CONTEXT(odd.name) {
            Fixture f("[reader]\nbusy_timeout_ms = 20000\n");
            std::size_t selects = 0;
            answer_oddly(odd, always, selects);
            // How long each missing answer would be waited for as a removal.
            test_clock::removal_notice = std::chrono::milliseconds(20000);
            const auto took = time_of([] {
                for (int i = 0; i < 10; ++i) {
                    nss_looks(CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_RECOGNIZED);
                    BOOST_CHECK(slots_with_token().empty());
                    BOOST_CHECK_EQUAL(fake::open_now().handles, 0u);
                }
            });
            BOOST_CHECK_LT(took.count(), 5000);
            BOOST_CHECK_EQUAL(selects, 2u);
            fake::swap_card(reader_name, f.card);
            CHECK_RV(token_info(auth_slot), CKR_TOKEN_NOT_RECOGNIZED);
            BOOST_CHECK_EQUAL(selects, 4u);
            fake::on_answer({});
            fake::swap_card(reader_name, f.card);
            test_clock::removal_notice = std::chrono::milliseconds(10);
            BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
            serves(f, auth_slot, *f.card);
        }
}

BOOST_AUTO_TEST_CASE(card_whose_reader_reports_errors_gets_two_commands) {
    for (const LONG code : {SCARD_E_NOT_TRANSACTED, SCARD_E_PROTO_MISMATCH, SCARD_E_INSUFFICIENT_BUFFER}) {
        Fixture f;
        fake::fail(fake::Function::transmit, code, always);
        for (int i = 0; i < 5; ++i) nss_looks(CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_RECOGNIZED);
        BOOST_CHECK_EQUAL(fake::calls(fake::Function::transmit), 2u);
    }
}

BOOST_AUTO_TEST_CASE(card_that_cannot_be_connected_gets_two_attempts) {
    for (const LONG code : {SCARD_W_UNRESPONSIVE_CARD, SCARD_W_UNPOWERED_CARD, SCARD_E_PROTO_MISMATCH}) {
        Fixture f;
        fake::fail(fake::Function::connect, code, always);
        for (int i = 0; i < 5; ++i) BOOST_CHECK(slots_with_token().empty());
        BOOST_CHECK_LE(fake::calls(fake::Function::connect), 2u);
    }
}

BOOST_AUTO_TEST_CASE(jpki_card_stays_present_after_one_odd_answer) {
    for (const Odd& odd : odd_answers)
        for (const bool list_first : {true, false}) BOOST_TEST_CONTEXT(odd.name << ", list first: " << list_first) {
                Fixture f;
                std::size_t selects = 0;
                answer_oddly(odd, 1, selects);
                if (list_first) BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
                else CHECK_RV(token_info(auth_slot), CKR_OK);
                BOOST_CHECK_EQUAL(selects, 2u);
                fake::on_answer({});
                CHECK_RV(token_info(auth_slot), CKR_OK);
                serves(f, auth_slot, *f.card);
            }
}

// The error is the removed card's, although it is counted after the next card was inserted.
BOOST_AUTO_TEST_CASE(reader_error_of_removed_card_does_not_count_against_next_card) {
    Fixture f;
    fake::fail(fake::Function::transmit, SCARD_E_PROTO_MISMATCH, 2);  // the first command of each card
    bool swapped = false;
    fake::on_call([&](fake::Function function) {
        // Once the first card has failed, with the next call: the status of the reader.
        if (function != fake::Function::get_status_change || swapped || fake::calls(fake::Function::transmit) != 1) return;
        swapped = true;
        fake::swap_card(reader_name, f.card);
    });
    CHECK_RV(token_info(auth_slot), CKR_OK);
    fake::on_call({});
    BOOST_CHECK(swapped);
    BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
}

BOOST_AUTO_TEST_CASE(jpki_card_stays_present_after_one_reader_error) {
    for (const LONG code : {SCARD_E_NOT_TRANSACTED, SCARD_W_RESET_CARD, SCARD_E_PROTO_MISMATCH}) {
        Fixture f;
        fake::fail(fake::Function::transmit, code);
        BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
        serves(f, auth_slot, *f.card);
    }
}

// As while a card is pulled and its reader does not report that yet, or where the line is bad for a moment.
BOOST_AUTO_TEST_CASE(recognised_card_whose_reader_reports_several_errors_is_device_error_and_stays_a_token) {
    Fixture f;
    serves(f, auth_slot, *f.card);
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED, 5);
    CHECK_RV(token_info(auth_slot), CKR_DEVICE_ERROR);
    test_clock::ahead += 2000;
    CHECK_RV(token_info(auth_slot), CKR_DEVICE_ERROR);
    test_clock::ahead += 2000;
    BOOST_CHECK(slots_with_token() == (Slots{auth_slot, sign_slot}));
    serves(f, auth_slot, *f.card);
    test_clock::ahead = 0;
}

BOOST_AUTO_TEST_CASE(recognised_card_that_fails_nine_times_in_a_row_is_ignored_until_removed) {
    Fixture f;
    serves(f, auth_slot, *f.card);
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED, 9);  // the first ends the connection that works
    while (token_info(auth_slot) == CKR_DEVICE_ERROR) test_clock::ahead += 2000;
    const auto sent = fake::calls(fake::Function::transmit);
    for (int i = 0; i < 5; ++i) nss_looks(CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_RECOGNIZED);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::transmit), sent);
    fake::swap_card(reader_name, f.card);
    serves(f, auth_slot, *f.card);
    test_clock::ahead = 0;
}

BOOST_AUTO_TEST_CASE(odd_answers_of_earlier_connection_are_forgotten_once_card_is_recognised) {
    Fixture f;
    for (int i = 0; i < 10; ++i) {  // more than a recognised card may fail in a row
        fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
        CHECK_RV(token_info(auth_slot), i == 0 ? CKR_OK : CKR_DEVICE_ERROR);  // the later ones break a connection that works
        test_clock::ahead += 2000;
        CHECK_RV(token_info(auth_slot), CKR_OK);
        test_clock::ahead += 2000;
    }
    test_clock::ahead = 0;
}

BOOST_AUTO_TEST_CASE(odd_answer_of_removed_card_does_not_count_for_the_next_one) {
    Fixture f("[reader]\nbusy_timeout_ms = 0\n");
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
    fake::fail(fake::Function::connect, SCARD_E_SHARING_VIOLATION, 1, 1);  // the second attempt
    CHECK_RV(token_info(auth_slot), CKR_FUNCTION_FAILED);
    fake::swap_card(reader_name, f.card);
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED);
    CHECK_RV(token_info(auth_slot), CKR_OK);
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(resets_before_recognition_are_no_odd_answers) {
    Fixture f;
    fake::fail(fake::Function::transmit, SCARD_W_RESET_CARD, 2);
    CHECK_RV(token_info(auth_slot), CKR_OK);
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(answer_of_card_that_was_replaced_meanwhile_does_not_count_for_the_next_one) {
    Fixture f;
    std::size_t selects = 0;
    fake::on_answer([&](const std::string&, ByteView command) -> std::optional<Bytes> {
        if (!is_select_of_ours(command) || ++selects > 1) return std::nullopt;
        fake::swap_card(reader_name, f.card);
        return Bytes{0x6A, 0x82};
    });
    CHECK_RV(token_info(auth_slot), CKR_OK);
    fake::on_answer({});
    BOOST_CHECK_EQUAL(selects, 2u);
    serves(f, auth_slot, *f.card);
}

BOOST_AUTO_TEST_CASE(card_after_a_recognised_one_gets_two_attempts_too) {
    Fixture f;
    serves(f, auth_slot, *f.card);
    fake::swap_card(reader_name, f.card);
    fake::reset_calls();
    fake::fail(fake::Function::transmit, SCARD_E_NOT_TRANSACTED, always);
    for (int i = 0; i < 5; ++i) CHECK_RV(token_info(auth_slot), CKR_TOKEN_NOT_RECOGNIZED);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::transmit), 2u);
}

BOOST_AUTO_TEST_CASE(card_that_answers_9000_to_every_command_is_not_jpki_card) {
    Fixture f;
    std::size_t sent = 0;
    fake::on_answer([&](const std::string&, ByteView) { return ++sent, Bytes{0x90, 0x00}; });
    for (int i = 0; i < 5; ++i) BOOST_CHECK(slots_with_token().empty());
    CHECK_RV(token_info(auth_slot), CKR_TOKEN_NOT_RECOGNIZED);
    CHECK_RV(open_session(sign_slot), CKR_TOKEN_NOT_RECOGNIZED);
    BOOST_CHECK_LE(sent, 3u);
    fake::on_answer({});
}

BOOST_AUTO_TEST_SUITE_END()
