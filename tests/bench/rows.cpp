#include "rows.hpp"

#include <array>

namespace jpki::bench {

const char* authentication_pin() { return "1234"; }  // the virtual card's default
const char* signature_password() { return "ABC123"; }

CK_SLOT_ID Run::slot(CK_SLOT_ID place) const {
    const auto slots = module.slots(CK_FALSE);
    if (place >= slots.size()) throw std::runtime_error("no slot for this key");
    return slots[place];
}

CK_SESSION_HANDLE Run::open(CK_SLOT_ID place) const { return module.open_session(slot(place)); }

CK_SESSION_HANDLE Run::log_in(CK_SLOT_ID place) const {
    const auto session = open(place);
    module.login(session, CKU_USER, place == authentication ? authentication_pin() : signature_password());
    return session;
}

CK_OBJECT_HANDLE Run::key(CK_SESSION_HANDLE session, CK_SLOT_ID place) const {
    return module.find_one(session, CKO_PRIVATE_KEY, static_cast<std::uint8_t>(place + 1));
}

Bytes Run::certificate(CK_SESSION_HANDLE session, CK_SLOT_ID place) const {
    const auto object = module.find_one(session, CKO_CERTIFICATE, static_cast<std::uint8_t>(place + 1));
    return module.attribute(session, object, CKA_VALUE);
}

Bytes Run::sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key) const {
    module.sign_init(session, private_key);
    return module.sign(session);
}

void Run::require_valid(CK_SESSION_HANDLE session, CK_SLOT_ID place, const std::vector<Bytes>& signatures) const {
    const Bytes der = certificate(session, place);
    for (const auto& signature_bytes : signatures)
        if (!verifies(der, signature_bytes)) throw std::runtime_error("a signature that does not verify");
}

CertificateSizes certificate_sizes(const Run& run) {
    const auto sizes = [&run](CK_SLOT_ID place) {
        const auto session = run.log_in(place);
        CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
        std::array<std::size_t, 2> found{};  // the holder's, the CA's
        for (const auto object : run.module.find(session, {{CKA_CLASS, &certificate, sizeof certificate}})) {
            const bool own = run.module.attribute(session, object, CKA_ID) == Bytes{static_cast<std::uint8_t>(place + 1)};
            found[own ? 0 : 1] = run.module.attribute(session, object, CKA_VALUE).size();
        }
        return found;
    };
    run.module.initialize();
    const auto authentication = sizes(Run::authentication), signature = sizes(Run::signature);
    return {authentication[0], authentication[1], signature[0], signature[1]};
}

namespace {

void poll(const Module& module, CK_SESSION_HANDLE session) {
    for (int i = 0; i < 100; ++i) {
        for (const auto slot : module.slots()) module.slot_info(slot);
        if (session == CK_INVALID_HANDLE) continue;
        CK_SESSION_INFO info{};
        Module::check(module->C_GetSessionInfo(session, &info), "C_GetSessionInfo");
    }
}

// The first access to the card is a row of its own, and C_OpenSession is not among the calls that must be free: the meter
// is stopped for both.
void polling(Run& run) {
    run.meter.start();
    run.module.initialize();
    run.module.slots(CK_FALSE);
    run.meter.stop();
    run.module.slots();
    run.meter.start();
    poll(run.module, CK_INVALID_HANDLE);
    run.meter.stop();
    const auto session = run.open(Run::authentication);
    run.meter.start();
    poll(run.module, session);
    run.meter.stop();
}

void token_information(Run& run) {
    run.meter.start();
    run.module.initialize();
    for (const CK_SLOT_ID place : {Run::authentication, Run::signature}) run.module.token_info(run.slot(place));
    run.meter.stop();
}

void first_signature(Run& run) {
    run.meter.start();
    run.module.initialize();
    const auto session = run.log_in(Run::authentication);
    const auto key = run.key(session, Run::authentication);
    const Bytes signature = run.sign(session, key);
    run.meter.stop();
    run.require_valid(session, Run::authentication, {signature});
}

void next_signatures(Run& run) {
    run.module.initialize();
    const auto session = run.log_in(Run::authentication);
    const auto key = run.key(session, Run::authentication);
    std::vector<Bytes> signatures = {run.sign(session, key)};
    run.meter.start();
    for (unsigned i = 0; i < further_signatures; ++i) signatures.push_back(run.sign(session, key));
    run.meter.stop();
    run.repeats = further_signatures;
    run.require_valid(session, Run::authentication, signatures);
}

// Logged in: the private key is one of the objects.
void all_objects(Run& run) {
    run.meter.start();
    run.module.initialize();
    const auto session = run.log_in(Run::authentication);
    for (const auto object : run.module.find(session, {})) run.module.all_attributes(session, object);
    run.meter.stop();
    CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
    const auto certificates = run.module.find(session, {{CKA_CLASS, &certificate, sizeof certificate}}).size();
    if (certificates != 2) run.notes.push_back("has " + std::to_string(certificates) + " certificates in this slot");
}

// The cost of a command-line program, including its end: the reset of the card's security status counts.
void whole_process(Run& run) {
    run.meter.start();
    run.module.initialize();
    const auto session = run.log_in(Run::authentication);
    run.sign(session, run.key(session, Run::authentication));
    run.module.finalize();
    run.meter.stop();
    run.finalized = true;
    if (run.card.authentication_verified()) run.notes.push_back("leaves the key usable without a PIN");
}

std::size_t reads(std::size_t size) { return (size + 255) / 256; }

constexpr std::array rows = {
    Row{"first-look", "C_GetSlotList(CK_TRUE) and C_GetSlotInfo for the first time after the card was put in", false, first_look,
        [](const CertificateSizes&) {
            return Limit{3, {}};
        }},
    Row{"polling", "C_Initialize; C_GetSlotList, C_GetSlotInfo, C_GetSessionInfo again, however often", false, polling,
        [](const CertificateSizes&) {
            return Limit{0, {}};
        }},
    Row{"token-info", "C_GetTokenInfo of both slots, fresh process", false, token_information,
        [](const CertificateSizes&) {
            return Limit{5, {}};
        }},
    Row{"first-signature",
        "C_OpenSession, C_Login, find the key, first signature with the authentication key, certificate not asked for", false,
        first_signature,
        [](const CertificateSizes&) {
            return Limit{4, 400};
        }},
    Row{"slots-first-signature", "the same, C_GetSlotList(CK_TRUE) and C_GetSlotInfo first", false, slot_info_then_signature,
        [](const CertificateSizes&) {
            return Limit{5, {}};
        }},
    Row{"session-token-info", "C_OpenSession, then C_GetTokenInfo", false, session_then_token_info,
        [](const CertificateSizes&) {
            return Limit{5, {}};
        }},
    Row{"signature-token-info", "C_OpenSession, C_Login, first signature, then C_GetTokenInfo", false, signature_then_token_info,
        [](const CertificateSizes&) {
            return Limit{9, {}};
        }},
    Row{"mechanisms-token-info", "C_GetMechanismList, then C_GetTokenInfo", false, mechanisms_then_token_info,
        [](const CertificateSizes&) {
            return Limit{7, {}};
        }},
    Row{"next-signature", "each further signature", false, next_signatures,
        [](const CertificateSizes&) {
            return Limit{1, {}};
        }},
    Row{"objects", "all objects of the authentication slot with all their attributes", false, all_objects,
        [](const CertificateSizes& sizes) {
            const auto der = sizes.authentication + sizes.authentication_ca;
            return Limit{reads(sizes.authentication) + reads(sizes.authentication_ca) + 4, der + der / 10};
        }},
    Row{"signature-certificate", "signature key: login and certificate", false, login_and_certificate,
        [](const CertificateSizes& sizes) {
            return Limit{3 + reads(sizes.signature), {}};
        }},
    Row{"signature-key-next", "signature key: each further signature in the same login", false, further_signatures_of_one_login,
        [](const CertificateSizes&) {
            return Limit{1, {}};
        }},
    Row{"signature-key-consent", "signature key with consent for each: context-specific login, signature, card locked again",
        true, signature_with_consent,
        [](const CertificateSizes&) {
            return Limit{4, {}};
        }},
    Row{"whole-process", "a whole process: login, one signature with the authentication key, C_Finalize", false, whole_process,
        [](const CertificateSizes&) { return Limit{}; }},
};

}  // namespace

std::span<const Row> all_rows() { return rows; }

}  // namespace jpki::bench
