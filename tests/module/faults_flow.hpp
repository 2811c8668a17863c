// One flow from C_OpenSession to C_Logout that reads everything and signs with both keys, for the fault matrices.
#pragma once

#include "removal_fixture.hpp"

#include <cstring>

namespace jpki::test {

class Flow {
public:
    explicit Flow(std::shared_ptr<CardModel> card) : card_(std::move(card)) {}

    // The card comes into the reader, and the flow runs to its end or to the first call that does not answer CKR_OK.
    // Throws nothing. Returns that answer.
    CK_RV run();
    // The same when the card is in the reader already.
    CK_RV run_on();
    // The card comes into the reader, login and signature only.
    CK_RV run_shortly();

    // What the module is told of the card is that it is gone, which is not true: nobody can lock a card that is gone.
    void told_gone(bool yes) { told_gone_ = yes; }

    // What was not as it must be, whatever was disturbed: empty when all was well.
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
