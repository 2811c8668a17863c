// One flow from C_OpenSession to C_Logout that reads everything and signs with both keys, for the fault matrices.
#pragma once

#include "removal_fixture.hpp"

#include <cstring>

namespace jpki::test {

class Flow {
public:
    explicit Flow(std::shared_ptr<CardModel> card) : card_(std::move(card)) {}

    // Inserts the card, and runs the flow to its end or to the first call that does not return CKR_OK.
    // Throws nothing. Returns that code.
    CK_RV run();
    // The same with the card already in the reader.
    CK_RV run_on();
    // Inserts the card, login and signature only.
    CK_RV run_shortly();

    // The module is told that the card was removed, although it was not: it cannot reset the security status of a removed card.
    void told_gone(bool yes) { told_gone_ = yes; }

    // The first violated expectation; empty if there is none.
    const std::string& wrong() const { return wrong_; }
    // The call that ended the flow.
    const std::string& ended_at() const { return ended_at_; }
    bool ended() const { return !ended_at_.empty(); }

private:
    bool step(const char* name, CK_RV rv, CK_RV wanted = CKR_OK);
    void complain(const std::string& what);
    bool read_objects(CK_SESSION_HANDLE session, CK_SLOT_ID slot, std::size_t expected);
    bool sign(CK_SESSION_HANDLE session, CK_SLOT_ID slot, CK_MECHANISM_TYPE type);
    CK_OBJECT_HANDLE key_ = 0;
    bool logged_in_ = false, told_gone_ = false;
    void begin();
    void steps();
    void short_steps();
    void check_afterwards();

    std::shared_ptr<CardModel> card_;
    CK_RV last_ = CKR_OK;
    std::string ended_at_, wrong_;
};

}  // namespace jpki::test
