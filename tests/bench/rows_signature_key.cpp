// The rows of the signature key.
#include "rows.hpp"

namespace jpki::bench {

void login_and_certificate(Run& run) {
    run.meter.start();
    run.module.initialize();
    const auto session = run.log_in(Run::signature);
    run.certificate(session, Run::signature);
    run.meter.stop();
}

// A module that needs a password for each signature cannot do this; OpenSC's is one. Its flag decides: a
// program that follows the standard asks the user again, even if the module would sign without.
void further_signatures_of_one_login(Run& run) {
    run.module.initialize();
    const auto session = run.log_in(Run::signature);
    const auto key = run.key(session, Run::signature);
    if (run.module.attribute(session, key, CKA_ALWAYS_AUTHENTICATE) == Bytes{CK_TRUE})
        throw std::runtime_error("wants the password for each (CKA_ALWAYS_AUTHENTICATE)");
    std::vector<Bytes> signatures = {run.sign(session, key)};
    run.meter.start();
    for (unsigned i = 0; i < further_signatures; ++i) signatures.push_back(run.sign(session, key));
    run.meter.stop();
    run.repeats = further_signatures;
    run.require_valid(session, Run::signature, signatures);
}

void signature_with_consent(Run& run) {
    run.module.initialize();
    const auto session = run.log_in(Run::signature);
    const auto key = run.key(session, Run::signature);
    if (run.module.attribute(session, key, CKA_ALWAYS_AUTHENTICATE) != Bytes{CK_TRUE})
        throw std::runtime_error("never wants the password again");
    const Bytes certificate = run.certificate(session, Run::signature);
    run.meter.start();
    run.module.sign_init(session, key);
    run.module.login(session, CKU_CONTEXT_SPECIFIC, signature_password());
    const Bytes signature = run.module.sign(session);
    run.meter.stop();
    if (run.card.signature_verified()) run.notes.push_back("does not lock the card");
    if (!verifies(certificate, signature)) throw std::runtime_error("a signature that does not verify");
}

}  // namespace jpki::bench
