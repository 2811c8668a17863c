#include "apdu/applet.hpp"

#include "apdu/card_application.hpp"
#include "apdu/errors.hpp"
#include "apdu/iso7816.hpp"

namespace jpki {

namespace {

constexpr std::uint8_t short_reference(Ef ef) noexcept { return iso7816::by_sfi(sfi_of(ef)); }

[[noreturn]] void unexpected(const char* what, std::uint16_t status) {
    throw CardFault(std::string(what) + ": status " + hex16(status));
}

// An answer to a retry counter query or a VERIFY which shows that the card has the PIN.
constexpr bool is_pin_answer(std::uint16_t status) noexcept {
    return status == sw::ok || sw::counts_tries(status) || sw::is_blocked(status);
}

}  // namespace

bool Applet::select(bool first_command) {
    std::string answer;
    const std::optional<bool> selected = select_application(transaction_, jpki_aid, first_command, answer);
    if (!selected) throw CardFault("SELECT of the JPKI application: " + answer);
    return *selected;
}

bool Applet::select_issuer_security_domain() {
    return transaction_.transmit(iso7816::select_application(issuer_security_domain_aid)).status == sw::ok;
}

bool Applet::select_ef(Ef ef) {
    const std::uint16_t status = transaction_.transmit(iso7816::select_ef(static_cast<std::uint16_t>(ef))).status;
    if (status == sw::ok) return true;
    if (sw::says_no_such_reference(status)) return false;
    unexpected("SELECT EF", status);
}

// P2 of a PIN or a key, after the SELECT EF that the form may need. No value if SELECT EF does not find it.
std::optional<std::uint8_t> Applet::reference(Ef ef) {
    if (profile_.form != CommandProfile::Form::select_ef) return short_reference(ef);
    if (!select_ef(ef)) return std::nullopt;
    return iso7816::current_file;
}

Response Applet::query(std::uint8_t p2) {
    if (!profile_.query_with_le) {
        Response response = transaction_.transmit(iso7816::query_retry_counter(p2, false));
        if (response.status != sw::wrong_length) return response;
    }
    // One reader needed a fifth byte (apdu/README.md, tries left). It is Le: no card takes it for an empty PIN that costs a try.
    Response response = transaction_.transmit(iso7816::query_retry_counter(p2, true));
    if (is_pin_answer(response.status)) profile_.query_with_le = true;
    return response;
}

TriesAnswer Applet::tries(KeyUse use) {
    const Ef ef = facts_of(use).pin;
    Response response;
    if (profile_.form != CommandProfile::Form::select_ef) {
        response = query(short_reference(ef));
        if (profile_.form == CommandProfile::Form::unknown) {
            if (is_pin_answer(response.status)) {
                profile_.form = CommandProfile::Form::short_form;
            } else {
                // An answer that no card gives shows nothing: verify() would take it for the other form and send the PIN again.
                if (!sw::says_no_such_reference(response.status)) unexpected("retry counter query", response.status);
                if (!select_ef(ef)) return std::nullopt;  // neither form finds it: the card's form is still unknown
                response = query(iso7816::current_file);
                if (is_pin_answer(response.status)) profile_.form = CommandProfile::Form::select_ef;
            }
        }
    } else {
        if (!select_ef(ef)) return std::nullopt;
        response = query(iso7816::current_file);
    }
    if (sw::is_blocked(response.status)) return 0;
    // ISO/IEC 7816-4 allows "verified" here; apdu/README.md lists no card that answers so. It is not a count.
    if (response.ok()) return std::nullopt;
    if (sw::counts_tries(response.status)) return sw::tries_in(response.status);
    if (sw::says_no_such_reference(response.status)) return std::nullopt;
    unexpected("retry counter query", response.status);
}

PinAnswer Applet::pin_answer(std::uint16_t status) {
    if (status == sw::ok) return {PinAnswer::Kind::accepted, 0};
    if (sw::is_blocked(status)) return {PinAnswer::Kind::blocked, 0};
    if (sw::counts_tries(status)) return {PinAnswer::Kind::rejected, sw::tries_in(status)};
    if (status == sw::pad_timeout || status == sw::pad_cancelled) return {PinAnswer::Kind::cancelled, 0};
    if (status == sw::pad_pins_differ || status == sw::pad_pin_size) return {PinAnswer::Kind::not_entered, 0};
    if (sw::says_no_such_reference(status)) return {PinAnswer::Kind::absent, 0};
    unexpected("VERIFY", status);
}

std::optional<std::uint8_t> Applet::pin_reference(KeyUse use) {
    // A PIN entered at a reader cannot be sent a second time: the form must be known before.
    if (profile_.form == CommandProfile::Form::unknown && !tries(use)) return std::nullopt;
    return reference(facts_of(use).pin);
}

PinAnswer Applet::verify(KeyUse use, const Secret& pin) {
    const auto p2 = reference(facts_of(use).pin);
    if (!p2) return {PinAnswer::Kind::absent, 0};
    const std::uint16_t status = transaction_.transmit(iso7816::verify(*p2, pin.view())).status;
    if (profile_.form == CommandProfile::Form::unknown) {
        if (is_pin_answer(status)) {
            profile_.form = CommandProfile::Form::short_form;
        } else if (sw::says_no_such_reference(status)) {
            // The retry counter query finds the form without a try. If the card has the PIN in the other form, the command
            // above reached no PIN and no try was spent: it may be sent once more, in the right form.
            if (!tries(use) || profile_.form != CommandProfile::Form::select_ef) return {PinAnswer::Kind::absent, 0};
            return pin_answer(transaction_.transmit(iso7816::verify(iso7816::current_file, pin.view())).status);
        }
    }
    return pin_answer(status);
}

PinAnswer::Kind Applet::change(KeyUse use, const Secret& new_pin) {
    const auto p2 = reference(facts_of(use).pin);
    if (!p2) throw CardFault("CHANGE REFERENCE DATA: PIN not found on the card");
    return change_answer(transaction_.transmit(iso7816::change_reference_data(*p2, new_pin.view())).status);
}

PinAnswer::Kind Applet::change_answer(std::uint16_t status) {
    switch (status) {
    case sw::ok: return PinAnswer::Kind::accepted;
    case sw::security_status_not_satisfied: return PinAnswer::Kind::rejected;
    case sw::pad_timeout:
    case sw::pad_cancelled: return PinAnswer::Kind::cancelled;
    case sw::pad_pins_differ:
    case sw::pad_pin_size:
    case sw::incorrect_data: return PinAnswer::Kind::not_entered;
    default: unexpected("CHANGE REFERENCE DATA", status);
    }
}

SignAnswer Applet::sign(KeyUse use, const SignatureScheme& scheme, ByteView data) {
    const auto p2 = reference(facts_of(use).key);
    if (!p2) return {};
    Response response = transaction_.transmit(iso7816::compute_digital_signature(scheme.p1, *p2, data));
    if (response.ok()) {
        if (response.data.size() != scheme.signature_size) throw CardFault("signature has the wrong size");
        return {SignAnswer::Kind::done, std::move(response.data)};
    }
    if (response.status == sw::security_status_not_satisfied) return {SignAnswer::Kind::not_verified, {}};
    if (response.status == sw::incorrect_p1_p2 && !scheme.every_card) return {SignAnswer::Kind::scheme_unknown, {}};
    if (sw::says_no_such_reference(response.status)) return {};
    unexpected("signature", response.status);
}

std::uint16_t Applet::probe_sign(KeyUse use, std::uint8_t p1) {
    static constexpr std::uint8_t one_byte[1] = {0};
    const auto p2 = reference(facts_of(use).key);
    if (!p2) return sw::file_not_found;
    return transaction_.transmit(iso7816::compute_digital_signature(p1, *p2, one_byte)).status;
}

}  // namespace jpki
