// The hooks that let a test act between two threads of the module, and answer in place of the card.
#include "fake_pcsc_fixture.hpp"

#include "tests/fake_pcsc/gate.hpp"

#include <atomic>

using namespace jpki::fake;
using namespace jpki::fake::test;

BOOST_FIXTURE_TEST_SUITE(fake_pcsc_hooks, Fixture)

BOOST_AUTO_TEST_CASE(call_can_be_held_at_its_start_while_others_run) {
    const SCARDHANDLE handle = connect();
    std::atomic<bool> done = false;
    Stop asked(Function::get_attrib);
    on_call(stop_where_told);
    std::thread asking([&] {
        stop = &asked;
        done = get_atr(handle) == SCARD_S_SUCCESS && get_atr(handle) == SCARD_S_SUCCESS;  // once: the second call is not held
    });
    asked.gate.until_somebody_waits();
    // It holds no lock of libpcsclite yet: the same handle works in another thread.
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    BOOST_CHECK(!done);
    asked.gate.open();
    asking.join();
    BOOST_CHECK(done);
}

BOOST_AUTO_TEST_CASE(answer_in_place_of_card_reaches_only_our_program) {
    const SCARDHANDLE handle = connect();
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    card->reset_counts();
    on_answer([](const std::string&, ByteView command) {
        return command[1] == 0x20 ? std::optional(Bytes{0x90, 0x00}) : std::nullopt;
    });
    BOOST_CHECK_EQUAL(status_of(handle, right_pin), 0x9000);
    BOOST_CHECK(!card->verified(jpki::model::KeyUse::authentication));
    BOOST_CHECK_EQUAL(card->counts().commands, 0u);
    BOOST_CHECK_EQUAL(status_of(handle, select_jpki), 0x9000);
    BOOST_CHECK_EQUAL(card->counts().commands, 1u);
    BOOST_CHECK(other_transmit(reader_name, tries_left) == (Bytes{0x63, 0xC3}));
    on_answer({});
    BOOST_CHECK_EQUAL(status_of(handle, tries_left), 0x63C3);
}

BOOST_AUTO_TEST_SUITE_END()
