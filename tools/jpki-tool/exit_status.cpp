#include "exit_status.hpp"

#include "i18n.hpp"

#include <algorithm>
#include <array>

namespace jpki::tool {

namespace {

constexpr std::array statuses = {
    ExitStatus{Exit::ok, "ok", N_("success")},
    ExitStatus{Exit::failure, "failure", N_("any failure that is not listed here")},
    ExitStatus{Exit::usage, "usage", N_("wrong usage, or no terminal to ask for a PIN on")},
    ExitStatus{Exit::no_service, "no-service", N_("the smart card service (pcscd) does not answer")},
    ExitStatus{Exit::no_reader, "no-reader", N_("no card reader")},
    ExitStatus{Exit::no_card, "no-card", N_("no card in the reader, or the card was removed")},
    ExitStatus{Exit::not_our_card, "not-our-card", N_("the card is not a My Number Card, or does not answer")},
    ExitStatus{Exit::pin_wrong, "pin-wrong", N_("the card rejected the PIN or password")},
    ExitStatus{Exit::pin_blocked, "pin-blocked", N_("the PIN or password is blocked")},
    ExitStatus{Exit::last_try_withheld, "last-try-withheld", N_("one try left: nothing was sent (see --last-try)")},
    ExitStatus{Exit::pin_not_sent, "pin-not-sent", N_("PIN entry cancelled, or against the rules: nothing was sent")},
    ExitStatus{Exit::card_busy, "card-busy", N_("another program is using the card")},
    ExitStatus{Exit::not_on_card, "not-on-card", N_("the card has no such certificate or PIN")},
    ExitStatus{Exit::signature_invalid, "signature-invalid", N_("a signature is not valid")},
    ExitStatus{Exit::file_error, "file-error", N_("a file cannot be read or written")},
    ExitStatus{Exit::findings_warning, "findings-warning", N_("doctor found something that needs attention")},
    ExitStatus{Exit::findings_fault, "findings-fault", N_("doctor found something that does not work")},
    ExitStatus{Exit::declined, "declined", N_("the question was not answered with yes")},
    ExitStatus{Exit::in_use, "in-use", N_("a browser runs that must be closed first: nothing was changed")},
    ExitStatus{Exit::no_profile, "no-profile", N_("no browser profile or NSS database to register in")},
};

}  // namespace

std::span<const ExitStatus> exit_statuses() noexcept { return statuses; }

const char* name_of(Exit value) noexcept {
    const auto found = std::ranges::find(statuses, value, &ExitStatus::value);
    return found == statuses.end() ? "failure" : found->name;
}

}  // namespace jpki::tool
