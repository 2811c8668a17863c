// A program that uses the module correctly, with any card: right PINs of right cards, right arguments.
// It counts its requests, to compare with what reached the cards.
#pragma once

#include "account.hpp"

#include "module/pkcs11.hpp"

#include <array>

namespace jpki::fuzz {

// Two cards of two holders, each with its own PINs. The first is in the reader when an input begins.
using People = std::array<Person, 2>;

class Caller {
public:
    Caller(People& people, bool consent_each) : people_(people), consent_each_(consent_each) {}

    // What most programs do with a token, from start to end. Returns the number of signatures: 2 without faults.
    unsigned the_usual(CK_SLOT_ID slot);

    // One action of many.
    void step(std::uint8_t choice, std::uint8_t variation);

private:
    struct Session {
        CK_SESSION_HANDLE handle = 0;
        std::size_t person = 0;  // the card that was present when it was opened
        CK_OBJECT_HANDLE key = 0;
    };

    void token_information(CK_SLOT_ID slot);
    bool open(CK_SLOT_ID slot);
    CK_RV login(CK_SLOT_ID slot, CK_USER_TYPE user);
    void look(CK_SLOT_ID slot);
    bool sign(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, bool give_consent, bool in_parts);
    void verify(CK_SLOT_ID slot);
    void set_pin(CK_SLOT_ID slot);
    void world(std::uint8_t choice, std::uint8_t variation);

    Person& owner(CK_SLOT_ID slot) { return people_[sessions_[slot].person]; }

    People& people_;
    const bool consent_each_;
    std::array<Session, 2> sessions_{};
    std::size_t inserted_ = 0;
};

}  // namespace jpki::fuzz
