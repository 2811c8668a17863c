// The rows for the orders in which programs make their first calls: the cost of C_GetTokenInfo and of the first signature must
// not depend on earlier calls.
#include "rows.hpp"

namespace jpki::bench {

namespace {

// C_GetSlotList(CK_TRUE), then C_GetSlotInfo for each slot.
void look(const Run& run) {
    for (const auto slot : run.module.slots()) run.module.slot_info(slot);
}

// C_OpenSession, C_Login, find the key, sign; the caller runs the meter.
struct Signed {
    CK_SESSION_HANDLE session;
    Bytes signature;
};
Signed signed_with_authentication_key(const Run& run) {
    const auto session = run.log_in(Run::authentication);
    return {session, run.sign(session, run.key(session, Run::authentication))};
}

}  // namespace

void first_look(Run& run) {
    run.meter.start();
    run.module.initialize();
    look(run);
    run.meter.stop();
}

void slot_info_then_signature(Run& run) {
    run.meter.start();
    run.module.initialize();
    look(run);
    const Signed made = signed_with_authentication_key(run);
    run.meter.stop();
    run.require_valid(made.session, Run::authentication, {made.signature});
}

void session_then_token_info(Run& run) {
    run.meter.start();
    run.module.initialize();
    run.open(Run::authentication);
    run.module.token_info(run.slot(Run::authentication));
    run.meter.stop();
}

void signature_then_token_info(Run& run) {
    run.meter.start();
    run.module.initialize();
    const Signed made = signed_with_authentication_key(run);
    run.module.token_info(run.slot(Run::authentication));
    run.meter.stop();
    run.require_valid(made.session, Run::authentication, {made.signature});
}

void mechanisms_then_token_info(Run& run) {
    run.meter.start();
    run.module.initialize();
    run.module.mechanism_list(run.slot(Run::authentication));
    run.module.token_info(run.slot(Run::authentication));
    run.meter.stop();
}

}  // namespace jpki::bench
