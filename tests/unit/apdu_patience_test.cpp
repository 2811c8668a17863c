// Bounded waits: for a mutex, and for another program's transaction.
#include "apdu/errors.hpp"
#include "apdu/patience.hpp"
#include "apdu/pcsc_link.hpp"

#include "card_model.hpp"
#include "test_pki.hpp"
#include "tests/fake_pcsc/fake_pcsc.hpp"
#include "tests/fake_pcsc/gate.hpp"
#include "tests/module/test_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <thread>

using namespace jpki;
using namespace std::chrono_literals;
namespace fake = jpki::fake;
namespace model = jpki::model;

namespace {

// Another thread has the mutex.
struct Taken {
    Taken() { gate.until_somebody_waits(); }
    ~Taken() {
        gate.open();
        other.join();
    }
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;

    Mutex mutex;
    fake::Gate gate;
    std::thread other{[this] {
        const MutexLock lock(mutex);
        gate.wait_here();
    }};
};

// What the module's clock shows that `f` took.
template <class F> CardClock::duration time_of(F&& f) {
    const auto began = CardClock::now();
    f();
    return CardClock::now() - began;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(patience)

BOOST_AUTO_TEST_CASE(wait_for_mutex_ends_when_condition_becomes_false) {
    const test_clock::SleepsTakeNoTime no_time;
    Taken taken;
    int asked = 0;
    const auto worth_it = [&] { return ++asked < 3; };
    const auto took = time_of([&] { BOOST_CHECK(!lock_until(taken.mutex, CardClock::now() + 60s, worth_it)); });
    BOOST_CHECK_EQUAL(asked, 3);
    BOOST_CHECK_LT(took.count(), std::chrono::nanoseconds(30s).count());
}

BOOST_AUTO_TEST_CASE(wait_for_a_mutex_ends_at_its_deadline) {
    const test_clock::SleepsTakeNoTime no_time;
    Taken taken;
    const auto took = time_of([&] { BOOST_CHECK(!lock_until(taken.mutex, CardClock::now() + 60s)); });
    BOOST_CHECK_GE(took.count(), std::chrono::nanoseconds(60s).count());
}

BOOST_AUTO_TEST_CASE(limit_of_the_wait_for_another_program_shortens_it_and_does_not_lengthen_it) {
    const test_clock::SleepsTakeNoTime no_time;
    for (const bool shorter : {false, true}) {
        fake::reset_everything();
        const std::string reader = "Fake Reader 00 00";
        fake::add_reader(reader, std::make_shared<model::CardModel>(model::TestPki::shared()));
        Log log;
        PcscLink link(log, reader, shorter ? 60s : 100ms);
        link.limit_patience(shorter ? 100ms : 60s);
        BOOST_REQUIRE(fake::other_begins_transaction(reader));
        const auto took = time_of([&] { BOOST_CHECK_THROW(const Link::Transaction transaction(link), CardBusy); });
        BOOST_CHECK_LT(took.count(), std::chrono::nanoseconds(30s).count());
        fake::other_ends_transaction(reader);
    }
    fake::reset_everything();
}

BOOST_AUTO_TEST_SUITE_END()
