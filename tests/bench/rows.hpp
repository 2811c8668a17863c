// The rows of the table: what a program does, and which part of it is measured.
#pragma once

#include "meter.hpp"
#include "pkcs11.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace jpki::bench {

struct CertificateSizes {  // DER bytes
    std::size_t authentication = 0, authentication_ca = 0, signature = 0, signature_ca = 0;
};

struct Limit {
    std::optional<std::size_t> commands, bytes;
};

// The environment of a row: a process that has just loaded the module, and a card without any state.
struct Run {
    const Module& module;
    CardControl& card;
    Meter& meter;
    unsigned repeats = 1;            // how many units of the row were measured
    std::vector<std::string> notes;  // a note for the table
    bool finalized = false;

    static constexpr CK_SLOT_ID authentication = 0, signature = 1;  // index in the list of slots with a token

    // Our module and OpenSC's have the slots in the same order, with the same ids: 1 authentication, 2 signature.
    // Takes the slot from the list of all slots, as a program that looks for its token by name.
    CK_SLOT_ID slot(CK_SLOT_ID place) const;
    CK_SESSION_HANDLE open(CK_SLOT_ID place) const;
    CK_SESSION_HANDLE log_in(CK_SLOT_ID place) const;
    CK_OBJECT_HANDLE key(CK_SESSION_HANDLE session, CK_SLOT_ID place) const;
    Bytes certificate(CK_SESSION_HANDLE session, CK_SLOT_ID place) const;
    Bytes sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key) const;
    // After the measurement: wrong results do not count.
    void require_valid(CK_SESSION_HANDLE session, CK_SLOT_ID place, const std::vector<Bytes>& signatures) const;
};

struct Row {
    const char* name;       // for --row and the JSON output
    const char* what;       // for the table
    bool consent_for_each;  // our module's setting signature.consent = "each"
    void (*perform)(Run&);  // throws the table's text if the module cannot do it
    Limit (*limit)(const CertificateSizes&);
};

std::span<const Row> all_rows();
const char* authentication_pin();
const char* signature_password();

CertificateSizes certificate_sizes(const Run& run);

// rows_signature_key.cpp
void login_and_certificate(Run& run);
void further_signatures_of_one_login(Run& run);
void signature_with_consent(Run& run);

// rows_orders.cpp
void first_look(Run& run);
void session_then_token_info(Run& run);
void signature_then_token_info(Run& run);
void mechanisms_then_token_info(Run& run);
void slot_info_then_signature(Run& run);

inline constexpr unsigned further_signatures = 5;

}  // namespace jpki::bench
