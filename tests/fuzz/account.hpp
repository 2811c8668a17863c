// What the callers of a fuzzer gave a card and asked of it, compared with what reached the card.
#pragma once

#include "must.hpp"

#include "card_model.hpp"

#include <array>
#include <cstddef>
#include <memory>

namespace jpki::fuzz {

// For each key: the VERIFYs with a PIN that callers, the PIN pad and the other program gave; those of them with a wrong one;
// those that consent to one signature; changes of the PIN; signatures.
struct Account {
    std::array<std::size_t, 2> pins{}, wrong{}, consents{}, changes{}, signatures{};
};

struct Person {
    std::shared_ptr<model::CardModel> card;
    Account account;
};

// A caller that gives only right PINs leaves `wrong` at zero: with any answers, the card counts no wrong one then.
inline void check_account(const Person& person, bool consent_each) {
    const auto counts = person.card->counts();
    must(counts.issuer_commands == 0);
    for (std::size_t use = 0; use < 2; ++use) {
        must(counts.verify[use] <= person.account.pins[use]);
        must(counts.wrong[use] <= person.account.wrong[use]);
        must(counts.changes[use] <= person.account.changes[use]);
        // Repeated where the first answer may have been another application's.
        must(counts.signatures[use] <= 2 * person.account.signatures[use]);
    }
    if (consent_each) must(counts.signatures[1] <= person.account.consents[1]);
}

}  // namespace jpki::fuzz
