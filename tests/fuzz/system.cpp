// All kinds of settings, cards, readers and disturbances, under a program that makes mistakes. Invariants: no crash, no hang; no
// PIN reaches a card that the calls and the PIN pad did not give for it, and no wrong one more often than it was given; no
// signature without its consent, and none that the signature key did not make; no PIN in the log; without faults no login and
// no connection stays open.
#include "chosen_settings.hpp"
#include "must.hpp"
#include "program.hpp"
#include "world.hpp"

using namespace jpki::fuzz;
using jpki::model::KeyUse;

namespace {

void check_log() {
    const std::string log = take_log();
    for (const char* pin : {"ABC123", "DEF456", "XYZ789", "WRONG77", "WRONG88", "PAD456"})
        must(log.find(pin) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const ChosenSettings settings(input);
    World world(input);
    if (!Program::initialize(input.byte())) Program::initialize(0);
    Program program(world, settings.consent_each);
    // An even first byte is a call, an odd one an event.
    for (int i = 0; i < 60 && !input.empty(); ++i) {
        const auto choice = input.byte();
        if (choice & 1) world.event(choice >> 1, input);
        else program.call(choice >> 1, input);
    }
    world.calm_down();
    const CK_RV finalized = C_Finalize(nullptr);
    must(finalized == CKR_OK || finalized == CKR_CRYPTOKI_NOT_INITIALIZED);
    for (const Person& person : world.people) {
        check_account(person, settings.consent_each);
        if (world.calm) must(!person.card->verified(KeyUse::authentication) && !person.card->verified(KeyUse::signature));
    }
    must(world.closed() || world.leaks);
    if (settings.logs) check_log();
    return 0;
}
