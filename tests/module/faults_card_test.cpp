// The fault matrix of the card: at every command of a flow, each kind of fault. The flow ends in success or in a standard
// code, returns no wrong data, and works afterwards.
#include "faults_flow.hpp"
#include "test_clock.hpp"

#include <atomic>
#include <future>
#include <map>

using namespace jpki::test;
using Kind = jpki::model::Fault::Kind;

namespace {

struct Disturbance {
    const char* name;
    Kind kind;
    bool at_pcsc;  // by the fake of PC/SC, which reports a reset; else by the card, without an event
};

const std::vector<Disturbance> disturbances = {
    {"card gone", Kind::card_gone, true},  {"card gone after", Kind::card_gone_after, true},
    {"reset", Kind::reset, true},          {"reset unsaid", Kind::reset, false},
    {"6F00", Kind::sw_6f00, false},        {"unknown status", Kind::unknown_status, false},
    {"truncated", Kind::truncated, false}, {"too long", Kind::too_long, false},
    {"empty", Kind::empty, false},         {"bits flipped", Kind::bits_flipped, false},
    {"delay", Kind::delay, false},         {"another application", Kind::other_application, false},
};

// During a command that takes long: calls of a program's user interface return at once.
// During the very first command it is not yet known which card it is.
bool polls_are_answered(bool recognised) {
    auto polls = std::async(std::launch::async, [recognised] {
        CK_SLOT_INFO info{};
        CK_ULONG count = 0;
        CK_INFO general{};
        return C_GetSlotInfo(sign_slot, &info) == CKR_OK && C_GetSlotList(CK_TRUE, nullptr, &count) == CKR_OK &&
               count == (recognised ? 2u : 0u) && C_GetInfo(&general) == CKR_OK;
    });
    return polls.wait_for(std::chrono::seconds(5)) == std::future_status::ready && polls.get();
}

struct Matrix {
    std::size_t points = 0, succeeded = 0, commands = 0;
    std::map<std::string, std::size_t> endings;
};

Matrix run_matrix(const Knobs& knobs, const std::vector<Disturbance>& kinds, std::size_t stride = 1) {
    // A removal is known before the command fails, and a call that waits for the recognition of a card waits in vain.
    const test_clock::SleepsTakeNoTime no_waits;
    Fixture f("[reader]\nbusy_timeout_ms = 200\n", knobs);
    Matrix matrix;
    std::atomic<std::size_t> delays = 0, unanswered = 0, delayed_at = 0;
    f.card->on_delay([&] {
        ++delays;
        if (!polls_are_answered(delayed_at > 0)) ++unanswered;
    });
    Flow undisturbed(f.card);
    REQUIRE_OK(undisturbed.run());
    BOOST_REQUIRE_EQUAL(undisturbed.wrong(), "");
    matrix.commands = f.card->counts().commands;
    std::size_t delayed = 0;
    for (const Disturbance& disturbance : kinds)
        for (std::size_t at = 0; at < matrix.commands; at += stride) {
            BOOST_TEST_CONTEXT(disturbance.name << " at command " << at) {
                Flow flow(f.card);
                delayed_at = at;
                // After the insertion: an insertion is not a command.
                try {
                    fake::remove_card(reader_name);
                } catch (const std::logic_error&) {
                }
                f.card->set_tries(KeyUse::authentication, 3);
                fake::insert_card(reader_name, f.card);
                if (disturbance.at_pcsc) fake::inject(reader_name, {disturbance.kind, at});
                else f.card->inject({disturbance.kind, at});
                flow.run_on();
                BOOST_CHECK_EQUAL(flow.wrong(), "");
                BOOST_CHECK(!f.card->fault_pending());
                BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
                ++matrix.points;
                if (flow.ended()) ++matrix.endings[std::string(disturbance.name) + ": " + flow.ended_at()];
                else ++matrix.succeeded;
                if (disturbance.kind == Kind::delay) {
                    ++delayed;
                    BOOST_CHECK(!flow.ended());
                }
                // The same flow in the same process. If the card stayed, on the same insertion or a new one.
                const bool stayed = disturbance.kind != Kind::card_gone && disturbance.kind != Kind::card_gone_after;
                f.card->set_tries(KeyUse::authentication, 3);
                CHECK_RV(stayed && at % 2 ? flow.run_on() : flow.run(), CKR_OK);
                BOOST_CHECK_EQUAL(flow.ended_at(), "");
                BOOST_CHECK_EQUAL(flow.wrong(), "");
            }
        }
    BOOST_CHECK_EQUAL(delays, delayed);
    BOOST_CHECK_EQUAL(unanswered, 0u);
    return matrix;
}

void tell(const char* name, const Matrix& matrix) {
    BOOST_TEST_MESSAGE("counted: " << name << ": " << matrix.points << " fault points in a flow of " << matrix.commands
                                   << " commands; " << matrix.succeeded << " flows succeeded all the same");
    for (const auto& [ending, count] : matrix.endings) BOOST_TEST_MESSAGE("    " << count << " x " << ending);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(card)

BOOST_AUTO_TEST_CASE(every_fault_at_every_command) { tell("ordinary card", run_matrix({}, disturbances)); }

BOOST_AUTO_TEST_CASE(faults_on_card_without_short_forms) {
    Knobs knobs;
    knobs.short_forms = false;
    tell("no short forms", run_matrix(knobs, disturbances, 13));
}

BOOST_AUTO_TEST_CASE(faults_on_card_whose_login_ends_at_reset) {
    Knobs knobs;
    knobs.reset_clears_pin = true;
    knobs.foreign_read = Knobs::ForeignRead::other_certificate;
    tell("opposite card", run_matrix(knobs, {disturbances[2], disturbances[3], disturbances[11]}, 3));
}

BOOST_AUTO_TEST_SUITE_END()
