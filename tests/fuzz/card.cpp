// A card that answers anything to any command, under the whole module. Structure-aware: a real card model runs the
// dialogue, and the input changes its answers. Its last bytes can also choose the calls, and the events at
// the reader between them. Invariants: no crash, no hang, no signature that the signature certificate does not verify,
// no PIN sent that the caller did not give for this card, and no more VERIFYs and signatures than the calls account for.
#include "caller.hpp"
#include "clock.hpp"
#include "hostile_pcsc.hpp"
#include "input.hpp"
#include "must.hpp"
#include "mutation.hpp"
#include "test_pki.hpp"
#include "threads.hpp"

#include <cstdlib>
#include <winscard.h>

using namespace jpki::fuzz;
using namespace jpki::model;

namespace {

[[noreturn]] void lose(Input& input) {
    switch (input.byte() % 8) {
    case 1: throw Trouble{SCARD_W_RESET_CARD};
    case 2: throw Trouble{SCARD_F_COMM_ERROR};
    case 3: throw Trouble{SCARD_E_SHARING_VIOLATION};
    case 4: throw Trouble{SCARD_E_NOT_TRANSACTED};
    case 5: throw Trouble{SCARD_W_UNPOWERED_CARD};
    case 6: throw Trouble{SCARD_E_INVALID_VALUE};
    case 7: throw Trouble{SCARD_E_NO_SERVICE};
    default: throw CardModel::CardGone{};
    }
}

// `calm` becomes false when the input disturbs the card.
Bytes mutate(Bytes answer, Input& input, bool& calm) {
    if (input.empty()) return answer;
    const auto choice = input.byte() % 16;
    if (choice >= 8) calm = false;
    switch (choice) {
    case 8: return changed(std::move(answer), Change::status, input);
    case 9: return changed(std::move(answer), Change::truncated, input);
    case 10: return changed(std::move(answer), Change::longer, input);
    case 11: return changed(std::move(answer), Change::flipped, input);
    case 12: return changed(std::move(answer), Change::anything, input);
    case 13: return changed(std::move(answer), Change::data, input);
    case 14: lose(input);
    case 15: return changed(std::move(answer), Change::overwritten, input);
    default: return answer;
    }
}

Knobs knobs_from(std::uint8_t choice) {
    Knobs knobs;
    knobs.short_forms = !(choice & 1);
    knobs.has_existence_file = !(choice & 2);
    knobs.sfi_read_sets_current_file = !(choice & 4);
    knobs.phone = choice & 8;
    knobs.answers_61xx = choice & 16;
    knobs.answers_6cxx = choice & 32;
    return knobs;
}

People two_people(const Knobs& knobs) {
    Knobs others = knobs;
    others.pins = {"5678", "DEF456"};
    return {Person{std::make_shared<CardModel>(TestPki::shared(0), knobs), {}},
            Person{std::make_shared<CardModel>(TestPki::shared(1), others), {}}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    threads_of_fuzzer();
    ::setenv("JPKI_PKCS11_CONFIG", "/dev/null/none", 1);
    Input input(data, size);
    const auto choice = input.byte();
    const bool consent_each = choice & 64;
    const bool chosen_calls = choice & 128;
    ::setenv("JPKI_PKCS11_CONSENT", consent_each ? "each" : "login", 1);
    ::setenv("JPKI_PKCS11_LOG", "/dev/null", 1);
    ::setenv("JPKI_PKCS11_LOG_LEVEL", choice & 2 ? "debug" : "off", 1);
    People people = two_people(knobs_from(choice));
    bool calm = true;
    put_card(people[0].card, [&input, &calm](Bytes answer) {
        let_time_pass(std::chrono::milliseconds(20));
        return mutate(std::move(answer), input, calm);
    });
    must(C_Initialize(nullptr) == CKR_OK);
    CK_ULONG count = 0;
    C_GetSlotList(CK_TRUE, nullptr, &count);
    Caller caller(people, consent_each);
    if (chosen_calls) {
        for (int i = 0; i < 60 && !input.empty(); ++i) {
            const auto step = input.byte_from_end();
            caller.step(step, input.byte_from_end());
        }
    } else {
        for (CK_SLOT_ID slot = 0; slot < 2; ++slot) {
            const unsigned signatures = caller.the_usual(slot);
            // Without changes by the input everything must work: otherwise all of this would test very little.
            if (calm) must(signatures == 2);
        }
        for (CK_SLOT_ID slot = 0; slot < 2; ++slot) must(C_CloseAllSessions(slot) == CKR_OK);
    }
    must(C_Finalize(nullptr) == CKR_OK);
    for (const Person& person : people) check_account(person, consent_each);
    must(threads_have_ended());
    put_card(nullptr, nullptr);
    return 0;
}
