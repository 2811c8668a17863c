// The list of readers, and which codes of PC/SC mean that the resource manager is lost.
#include "apdu/pcsc_context.hpp"

#include "tests/fake_pcsc/fake_pcsc.hpp"

#include <boost/test/unit_test.hpp>

using namespace jpki;
namespace fake = jpki::fake;

BOOST_AUTO_TEST_SUITE(pcsc_context)

BOOST_AUTO_TEST_CASE(without_readers_there_is_an_empty_list_and_the_context_stays) {
    fake::reset_everything();
    PcscContext context;
    const auto names = context.readers();
    BOOST_REQUIRE(names);
    BOOST_CHECK(names->empty());
    BOOST_CHECK(context.is_open());
}

BOOST_AUTO_TEST_CASE(reader_plugged_between_size_and_names_is_no_fault) {
    fake::reset_everything();
    fake::add_reader("Fake Reader 00 00");
    PcscContext context;
    fake::fail(fake::Function::list_readers, SCARD_E_INSUFFICIENT_BUFFER, 1, 1);
    const auto names = context.readers();
    BOOST_REQUIRE(names);
    BOOST_CHECK(*names == std::vector<std::string>{"Fake Reader 00 00"});
}

// What SCardGetStatusChange of libpcsclite 2.5 returns when an event arrives just after it registered for events.
BOOST_AUTO_TEST_CASE(event_that_comes_too_early_for_libpcsclite_hides_no_reader) {
    for (const LONG code : {SCARD_E_UNKNOWN_READER, SCARD_E_UNSUPPORTED_FEATURE})
        for (const std::size_t times : {1u, 3u}) {
            fake::reset_everything();
            fake::add_reader("Fake Reader 00 00");
            PcscContext context;
            fake::fail(fake::Function::get_status_change, code, times);
            const auto status = context.status({"Fake Reader 00 00"});
            BOOST_REQUIRE(status);
            BOOST_CHECK(status->front().exists);
            BOOST_CHECK(context.is_open());
        }
}

BOOST_AUTO_TEST_CASE(reader_that_stays_unknown_is_absent_after_four_calls) {
    fake::reset_everything();
    fake::add_reader("Fake Reader 00 00");
    PcscContext context;
    fake::reset_calls();
    const auto status = context.status({"Another Reader 00 00"});
    BOOST_REQUIRE(status);
    BOOST_CHECK(!status->front().exists);
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::get_status_change), 4u);
}

BOOST_AUTO_TEST_CASE(lost_service_is_asked_once) {
    fake::reset_everything();
    fake::add_reader("Fake Reader 00 00");
    PcscContext context;
    BOOST_REQUIRE(context.open());
    fake::reset_calls();
    fake::fail(fake::Function::get_status_change, SCARD_E_NO_SERVICE);
    BOOST_CHECK(!context.status({"Fake Reader 00 00"}));
    BOOST_CHECK_EQUAL(fake::calls(fake::Function::get_status_change), 1u);
}

BOOST_AUTO_TEST_CASE(event_that_comes_too_early_for_libpcsclite_ends_a_wait_as_a_change) {
    fake::reset_everything();
    fake::add_reader("Fake Reader 00 00");
    PcscContext context;
    fake::fail(fake::Function::get_status_change, SCARD_E_UNSUPPORTED_FEATURE);
    BOOST_CHECK(context.wait({"Fake Reader 00 00"}, {SCARD_STATE_EMPTY}, std::chrono::seconds(20)) == PcscContext::Wait::changed);
}

BOOST_AUTO_TEST_CASE(codes_of_a_lost_resource_manager) {
    for (const LONG code : {SCARD_E_NO_SERVICE, SCARD_E_SERVICE_STOPPED, SCARD_E_INVALID_HANDLE, SCARD_F_COMM_ERROR,
                            SCARD_F_INTERNAL_ERROR, SCARD_W_SECURITY_VIOLATION})
        BOOST_CHECK(means_service_lost(code));
    for (const LONG code : {SCARD_S_SUCCESS, SCARD_E_TIMEOUT, SCARD_E_NO_SMARTCARD, SCARD_W_REMOVED_CARD, SCARD_W_RESET_CARD})
        BOOST_CHECK(!means_service_lost(code));
}

BOOST_AUTO_TEST_CASE(unplugged_reader_hides_no_other_reader) {
    for (const LONG code : {SCARD_E_READER_UNAVAILABLE, SCARD_E_NO_READERS_AVAILABLE}) {
        fake::reset_everything();
        fake::add_reader("Fake Reader 00 00");
        fake::add_reader("Fake Reader 01 00");
        PcscContext context;
        fake::fail(fake::Function::get_status_change, code);
        const auto status = context.status({"Fake Reader 00 00", "Fake Reader 01 00"});
        BOOST_REQUIRE(status);
        BOOST_CHECK(!status->front().exists);
        BOOST_CHECK(status->back().exists);
    }
}

BOOST_AUTO_TEST_CASE(reader_with_an_unknown_state_is_absent) {
    fake::reset_everything();
    fake::check_no_names();
    PcscContext context;
    const auto status = context.status({"Another Reader 00 00"});
    BOOST_REQUIRE(status);
    BOOST_CHECK(!status->front().exists);
}

BOOST_AUTO_TEST_CASE(cancelled_wait_is_neither_a_change_nor_a_loss_of_the_service) {
    fake::reset_everything();
    fake::add_reader("Fake Reader 00 00");
    PcscContext context;
    fake::fail(fake::Function::get_status_change, SCARD_E_CANCELLED);
    BOOST_CHECK(context.wait({"Fake Reader 00 00"}, {SCARD_STATE_EMPTY}, std::chrono::seconds(20)) ==
                PcscContext::Wait::cancelled);
}

BOOST_AUTO_TEST_SUITE_END()
