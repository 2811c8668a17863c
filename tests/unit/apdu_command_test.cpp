// Command and response forms (ISO/IEC 7816-4, 5.1), 61xx and 6Cxx within bounds (5.3.4), transactions.
#include "apdu/command.hpp"
#include "apdu/errors.hpp"
#include "apdu/iso7816.hpp"
#include "scripted_link.hpp"

#include <boost/test/unit_test.hpp>

#include <new>

using namespace jpki;
using apdu_test::hex;
using apdu_test::ScriptedLink;

namespace {

Bytes wire(const Command& command) { return {command.wire().begin(), command.wire().end()}; }

std::string answer_of(std::size_t data) {
    std::string text;
    for (std::size_t i = 0; i < data; ++i) text += "AB";
    return text + "9000";
}

}  // namespace

BOOST_AUTO_TEST_CASE(command_has_one_of_four_short_forms) {
    const Header header{0x00, 0xA4, 0x02, 0x0C};
    BOOST_CHECK(wire(Command(header)) == hex("00A4020C"));
    BOOST_CHECK(wire(Command(header, {}, 1)) == hex("00A4020C01"));
    BOOST_CHECK(wire(Command(header, {}, 255)) == hex("00A4020CFF"));
    BOOST_CHECK(wire(Command(header, {}, 256)) == hex("00A4020C00"));
    BOOST_CHECK(wire(Command(header, hex("000A"))) == hex("00A4020C02000A"));
    BOOST_CHECK(wire(Command(header, hex("000A"), 256)) == hex("00A4020C02000A00"));
    BOOST_CHECK_EQUAL(Command(header, Bytes(255)).wire().size(), 260u);
    BOOST_CHECK_EQUAL(Command(header, Bytes(255), 256).wire().size(), 261u);
    BOOST_CHECK_EQUAL(Command(header, hex("31323334")).header_text(), "00A4 020C");  // never the data
}

// The bytes of apdu/README.md, Commands.
BOOST_AUTO_TEST_CASE(iso7816_commands_have_the_bytes_that_the_card_knows) {
    const Bytes aid = hex("D392F000260100000001");
    BOOST_CHECK(wire(iso7816::select_application(aid)) == hex("00A4040C0AD392F000260100000001"));
    BOOST_CHECK(wire(iso7816::select_ef(0x001B)) == hex("00A4020C02001B"));
    BOOST_CHECK(wire(iso7816::read_binary(0x0123, 256)) == hex("00B0012300"));
    BOOST_CHECK(wire(iso7816::read_binary(0x7FFF, 1)) == hex("00B07FFF01"));
    BOOST_CHECK(wire(iso7816::read_binary_by_sfi(0x0A, 255, 4)) == hex("00B08AFF04"));
    BOOST_CHECK(wire(iso7816::query_retry_counter(0x98, false)) == hex("00200098"));
    BOOST_CHECK(wire(iso7816::query_retry_counter(0x98, true)) == hex("0020009800"));
    BOOST_CHECK(wire(iso7816::verify(0x98, hex("31323334"))) == hex("002000980431323334"));
    BOOST_CHECK(wire(iso7816::change_reference_data(0x80, hex("31323334"))) == hex("002401800431323334"));
    BOOST_CHECK(wire(iso7816::compute_digital_signature(0x04, 0x97, hex("AB"))) == hex("802A049701AB00"));
    BOOST_CHECK(wire(iso7816::get_challenge(8)) == hex("0084000008"));
    BOOST_CHECK(wire(iso7816::get_response(256)) == hex("00C0000000"));
}

BOOST_AUTO_TEST_CASE(command_without_short_form_is_not_built) {
    const Header header{0x00, 0xB0, 0x00, 0x00};
    BOOST_CHECK_THROW(Command(header, Bytes(256)), std::invalid_argument);
    BOOST_CHECK_THROW(Command(header, {}, 0), std::invalid_argument);
    BOOST_CHECK_THROW(Command(header, {}, 257), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(command_is_wiped_in_place) {
    alignas(Command) std::uint8_t room[sizeof(Command)];
    auto* command = new (room) Command({0x00, 0x20, 0x00, 0x98}, hex("31323334"));
    const Bytes pin = hex("31323334");
    BOOST_REQUIRE(std::search(std::begin(room), std::end(room), pin.begin(), pin.end()) != std::end(room));
    command->~Command();
    BOOST_CHECK(std::search(std::begin(room), std::end(room), pin.begin(), pin.end()) == std::end(room));
}

BOOST_AUTO_TEST_CASE(answer_is_data_and_status_word) {
    const struct {
        std::string answer;
        std::size_t data;
        std::uint16_t status;
    } rows[] = {
        {"9000", 0, 0x9000}, {"6982", 0, 0x6982}, {"01029000", 2, 0x9000}, {answer_of(256), 256, 0x9000}, {"0163C2", 1, 0x63C2}};
    for (const auto& row : rows) {
        ScriptedLink link{row.answer};
        const Response response = Link::Transaction(link).transmit(Command({0, 0xB0, 0, 0}, {}, 256));
        BOOST_CHECK_EQUAL(response.data.size(), row.data);
        BOOST_CHECK_EQUAL(response.status, row.status);
        BOOST_CHECK_EQUAL(response.ok(), row.status == 0x9000);
        BOOST_CHECK_EQUAL(link.commands.size(), 1u);
    }
}

BOOST_AUTO_TEST_CASE(answer_without_status_word_or_with_too_much_data_is_fault) {
    for (const std::string& answer : {std::string(), std::string("90"), answer_of(257), answer_of(300), answer_of(2000)}) {
        ScriptedLink link{answer};
        Link::Transaction transaction(link);
        BOOST_CHECK_THROW(transaction.transmit(Command({0, 0xB0, 0, 0}, {}, 256)), CardFault);
    }
}

BOOST_AUTO_TEST_CASE(answer_with_61xx_is_completed_by_get_response) {
    ScriptedLink link{"01026102", "03049000"};
    const Response response = Link::Transaction(link).transmit(Command({0x80, 0x2A, 0, 0x97}, hex("AA"), 256));
    BOOST_CHECK(response.data == hex("01020304"));
    BOOST_CHECK(link.commands.at(1) == hex("00C0000002"));
    ScriptedLink all{"6100", answer_of(256)};
    BOOST_CHECK_EQUAL(Link::Transaction(all).transmit(Command({0x80, 0x2A, 0, 0x97}, hex("AA"), 256)).data.size(), 256u);
    BOOST_CHECK(all.commands.at(1) == hex("00C0000000"));  // 61 00: 256 bytes
    // The command was carried out; a status word of GET RESPONSE is not the command's.
    for (const char* status : {"6F00", "6A82", "6982", "6700"}) {
        ScriptedLink refused{"6102", status};
        BOOST_CHECK_THROW(Link::Transaction(refused).transmit(Command({0x80, 0x2A, 0, 0x97}, hex("AA"), 256)), CardFault);
    }
}

BOOST_AUTO_TEST_CASE(endless_61xx_is_fault_after_bounded_time) {
    for (const char* answer : {"6101", "016101", "6100"}) {
        ScriptedLink link{answer};
        Link::Transaction transaction(link);
        BOOST_CHECK_THROW(transaction.transmit(Command({0, 0xB0, 0, 0}, {}, 256)), CardFault);
        BOOST_CHECK_LE(link.commands.size(), 12u);
    }
    ScriptedLink much{answer_of(200).substr(0, 400) + "61C8"};  // 200 bytes and 200 more, repeatedly
    Link::Transaction transaction(much);
    BOOST_CHECK_THROW(transaction.transmit(Command({0, 0xB0, 0, 0}, {}, 256)), CardFault);
    BOOST_CHECK_LE(much.commands.size(), 3u);
}

BOOST_AUTO_TEST_CASE(command_is_repeated_once_with_le_of_6cxx) {
    ScriptedLink link{"6C03", "0102039000"};
    BOOST_CHECK(Link::Transaction(link).transmit(Command({0, 0xB0, 0, 0}, {}, 256)).data == hex("010203"));
    BOOST_CHECK(link.commands.at(1) == hex("00B0000003"));
    ScriptedLink stubborn{"6C03"};
    BOOST_CHECK_EQUAL(Link::Transaction(stubborn).transmit(Command({0, 0xB0, 0, 0}, {}, 256)).status, 0x6C03);
    BOOST_CHECK_EQUAL(stubborn.commands.size(), 2u);
    // Without Le there is nothing to replace: a VERIFY is never repeated.
    ScriptedLink verify{"6C03"};
    BOOST_CHECK_EQUAL(Link::Transaction(verify).transmit(Command({0, 0x20, 0, 0x98}, hex("31323334"))).status, 0x6C03);
    BOOST_CHECK_EQUAL(verify.commands.size(), 1u);
}

BOOST_AUTO_TEST_CASE(transaction_ends_on_return_and_on_exception) {
    ScriptedLink link{"90"};
    try {
        Link::Transaction transaction(link);
        transaction.transmit(Command({0, 0xB0, 0, 0}, {}, 256));
    } catch (const CardFault&) {
    }
    BOOST_CHECK(link.begun == 1 && link.ended == 1 && link.powered_off == 0);
    { Link::Transaction(link).power_off_at_end(); }
    BOOST_CHECK(link.begun == 2 && link.ended == 2 && link.powered_off == 1);
}

BOOST_AUTO_TEST_CASE(only_9000_is_success) {
    Response response;
    for (const int status : {0x0000, 0x6100, 0x6300, 0x63C3, 0x6982, 0x8FFF, 0x9001, 0x9102, 0xFFFF}) {
        response.status = static_cast<std::uint16_t>(status);
        BOOST_CHECK(!response.ok());
    }
    response.status = 0x9000;
    BOOST_CHECK(response.ok());
}
