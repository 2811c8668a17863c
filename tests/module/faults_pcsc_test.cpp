// The fault matrix of PC/SC: each function that the module calls fails once, at every call of a flow, with the codes that
// pcsc-lite has for it, and does nothing.
#include "faults_flow.hpp"
#include "test_clock.hpp"

using namespace jpki::test;
using fake::Function;

namespace {

struct Failing {
    const char* name;
    Function function;
    std::vector<LONG> codes;
};

const std::vector<Failing> failing = {
    {"SCardEstablishContext", Function::establish_context, {SCARD_E_NO_SERVICE, SCARD_E_NO_MEMORY, SCARD_F_INTERNAL_ERROR}},
    {"SCardListReaders", Function::list_readers, {SCARD_E_NO_SERVICE, SCARD_E_NO_READERS_AVAILABLE, SCARD_E_INVALID_HANDLE}},
    {"SCardGetStatusChange", Function::get_status_change, {SCARD_E_NO_SERVICE, SCARD_E_UNKNOWN_READER, SCARD_F_COMM_ERROR}},
    {"SCardConnect",
     Function::connect,
     {SCARD_E_SHARING_VIOLATION, SCARD_E_NO_SMARTCARD, SCARD_W_UNPOWERED_CARD, SCARD_W_UNRESPONSIVE_CARD, SCARD_E_PROTO_MISMATCH,
      SCARD_E_UNKNOWN_READER, SCARD_E_READER_UNAVAILABLE, SCARD_F_COMM_ERROR, SCARD_E_NO_SERVICE}},
    {"SCardGetAttrib",
     Function::get_attrib,
     {SCARD_E_SHARING_VIOLATION, SCARD_W_RESET_CARD, SCARD_E_UNSUPPORTED_FEATURE, SCARD_W_REMOVED_CARD}},
    {"SCardBeginTransaction",
     Function::begin_transaction,
     {SCARD_W_REMOVED_CARD, SCARD_W_RESET_CARD, SCARD_F_COMM_ERROR, SCARD_E_INVALID_VALUE, SCARD_E_NO_SERVICE,
      SCARD_F_INTERNAL_ERROR}},
    {"SCardTransmit",
     Function::transmit,
     {SCARD_W_REMOVED_CARD, SCARD_W_RESET_CARD, SCARD_E_NOT_TRANSACTED, SCARD_F_COMM_ERROR, SCARD_E_NO_SMARTCARD,
      SCARD_E_INSUFFICIENT_BUFFER, SCARD_E_PROTO_MISMATCH}},
    {"SCardControl", Function::control, {SCARD_E_UNSUPPORTED_FEATURE, SCARD_E_NOT_TRANSACTED, SCARD_F_COMM_ERROR}},
};

// Codes that change no state; pcsc-lite has no others that a caller could handle.
const std::vector<Failing> failing_at_the_end = {
    {"SCardEndTransaction", Function::end_transaction, {SCARD_F_COMM_ERROR, SCARD_E_NO_SERVICE}},
    {"SCardDisconnect", Function::disconnect, {SCARD_F_COMM_ERROR, SCARD_E_NO_SERVICE}},
};

// Codes for the card, its reader, or the service; with true the card has lost its power.
bool says_gone(LONG code) {
    for (const LONG one : {SCARD_W_REMOVED_CARD, SCARD_E_NO_SMARTCARD, SCARD_E_UNKNOWN_READER, SCARD_E_READER_UNAVAILABLE,
                           SCARD_E_NO_SERVICE, SCARD_F_COMM_ERROR, SCARD_F_INTERNAL_ERROR, SCARD_E_INVALID_VALUE,
                           SCARD_E_INVALID_HANDLE, SCARD_E_NO_READERS_AVAILABLE})
        if (code == one) return true;
    return false;
}

struct Tried {
    std::size_t points = 0, succeeded = 0;
};

void disturb(Fixture& f, const Failing& what, LONG code, std::size_t at, Tried& tried) {
    BOOST_TEST_CONTEXT(what.name << " call " << at << " fails with " << std::hex
                                 << (static_cast<unsigned long>(code) & 0xFFFFFFFFUL)) {
        try {
            fake::remove_card(reader_name);
        } catch (const std::logic_error&) {
        }
        f.card->set_tries(KeyUse::authentication, 3);
        fake::insert_card(reader_name, f.card);
        Flow flow(f.card);
        fake::fail(what.function, code, 1, at);
        flow.told_gone(says_gone(code));
        flow.run_on();
        BOOST_CHECK_EQUAL(flow.wrong(), "");
        ++tried.points;
        if (!flow.ended()) ++tried.succeeded;
        flow.told_gone(false);
        CHECK_RV(flow.run_shortly(), CKR_OK);
        BOOST_CHECK_EQUAL(flow.ended_at(), "");
        BOOST_CHECK_EQUAL(flow.wrong(), "");
        BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
        BOOST_CHECK_LE(fake::open_now().handles, 1u);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pcsc)

BOOST_AUTO_TEST_CASE(every_function_fails_at_every_call) {
    const test_clock::SleepsTakeNoTime no_waits;
    Tried all;
    for (const auto& list : {failing, failing_at_the_end})
        for (const Failing& what : list) {
            Fixture f("[reader]\nbusy_timeout_ms = 200\n");
            Flow undisturbed(f.card);
            REQUIRE_OK(undisturbed.run());
            fake::reset_calls();
            REQUIRE_OK(undisturbed.run());
            const std::size_t calls = fake::calls(what.function);
            Tried tried;
            // Few calls: each with each code. Many calls: the codes in turn.
            for (std::size_t at = 0; at < calls; ++at)
                for (std::size_t code = 0; code < what.codes.size(); ++code)
                    if (calls <= 4 || code == at % what.codes.size()) disturb(f, what, what.codes[code], at, tried);
            BOOST_TEST_MESSAGE("counted: " << what.name << ": " << tried.points << " fault points in " << calls << " calls; "
                                           << tried.succeeded << " flows succeeded all the same");
            all.points += tried.points;
            all.succeeded += tried.succeeded;
        }
    BOOST_TEST_MESSAGE("counted: "
                       << "PC/SC: " << all.points << " fault points");
}

// libpcsclite 2.5: an event that arrives just after SCardGetStatusChange registered for events. Nothing happened to the card or
// its reader.
BOOST_AUTO_TEST_CASE(event_that_comes_too_early_for_libpcsclite_ends_no_flow) {
    const test_clock::SleepsTakeNoTime no_waits;
    const Failing early = {
        "SCardGetStatusChange", Function::get_status_change, {SCARD_E_UNKNOWN_READER, SCARD_E_UNSUPPORTED_FEATURE}};
    Fixture f;
    Flow undisturbed(f.card);
    REQUIRE_OK(undisturbed.run());
    fake::reset_calls();
    REQUIRE_OK(undisturbed.run());
    const std::size_t calls = fake::calls(early.function);
    Tried tried;
    for (std::size_t at = 0; at < calls; ++at) disturb(f, early, early.codes[at % 2], at, tried);
    BOOST_TEST_MESSAGE("counted: " << tried.points << " early events");
    BOOST_CHECK_GT(tried.points, 10u);
    BOOST_CHECK_EQUAL(tried.succeeded, tried.points);
}

BOOST_AUTO_TEST_SUITE_END()
