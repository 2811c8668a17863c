// The exit statuses of jpki-tool: part of its interface, listed in jpki-tool(1).
#pragma once

#include <span>
#include <stdexcept>
#include <string>

namespace jpki::tool {

enum class Exit : int {
    ok = 0,
    failure = 1,     // any failure without its own status
    usage = 2,       // the command line, or no source for a PIN
    no_service = 3,  // pcscd does not answer
    no_reader = 4,
    no_card = 5,       // no card in the reader, or removed during the command
    not_our_card = 6,  // a card without the JPKI application, or one that does not answer
    pin_wrong = 7,     // the card rejected the PIN
    pin_blocked = 8,
    last_try_withheld = 9,  // one try left and no --last-try: no PIN was sent
    pin_not_sent = 10,      // the entry breaks the rules for this PIN, or was cancelled: no PIN was sent
    card_busy = 11,         // another program holds the card
    not_on_card = 12,       // the card has no such certificate or PIN
    signature_invalid = 13,
    file_error = 14,        // a file cannot be read or written
    findings_warning = 15,  // doctor: something needs attention
    findings_fault = 16,    // doctor: something does not work
    declined = 17,          // the consent question was not answered with yes
    in_use = 18,            // a browser that is to be registered runs
    no_profile = 19,        // no profile or database to register in
};

struct ExitStatus {
    Exit value;
    const char* name;     // the name in --json
    const char* meaning;  // English; translated by the caller
};

// All of them, by value.
std::span<const ExitStatus> exit_statuses() noexcept;
const char* name_of(Exit value) noexcept;

// Ends a command with one message for the user, already translated, and an exit status.
struct Failure : std::runtime_error {
    Failure(Exit status, const std::string& text, int tries = -1) : std::runtime_error(text), exit(status), tries_left(tries) {}
    Exit exit;
    int tries_left;  // of the PIN that the failure is about; -1: not known, or no PIN involved
};

}  // namespace jpki::tool
