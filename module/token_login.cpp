// PINs: C_Login, C_Logout, C_SetPIN. At most one VERIFY per call.
#include "module/token.hpp"

#include "apdu/log_text.hpp"
#include "module/caller_memory.hpp"
#include "module/insertion.hpp"

#include <utility>

namespace jpki {

namespace {

// For C_Login the standard has one code for every wrong PIN (PKCS#11 5.6), and programs ask again
// for that code only.
void require_shape(PinShape shape) { require(shape == PinShape::good, CKR_PIN_INCORRECT); }

// For a new PIN the standard has codes for what is wrong with it.
void require_new_shape(PinShape shape) {
    require(shape != PinShape::wrong_length, CKR_PIN_LEN_RANGE);
    require(shape == PinShape::good, CKR_PIN_INVALID);
}

}  // namespace

bool Token::logged_in() const noexcept {
    if (!user_.load(std::memory_order_acquire) || insertion_.gone()) return false;
    // With consent for each signature the card's security status is reset between signatures, and the session stays a user
    // session.
    return needs_consent_each() || insertion_.card().verified(use_);
}

// The same, after a check whether the card lost its power and the login with it: the user may then log in again.
bool Token::still_logged_in() {
    if (!logged_in()) return false;
    try {
        return needs_consent_each() || card().still_verified(use_);
    } catch (const CardBusy&) {
        return true;
    }
}

// Known to be blocked: query the counter, which costs no try, instead of sending the PIN.
void Token::require_not_blocked() {
    if (const TriesAnswer left = card().last_heard_tries(use_); left && *left == 0)
        require(card().tries(use_, tries_age_max) != TriesAnswer(0), CKR_PIN_LOCKED);
}

// A PIN that the card is known to reject is not sent to it.
RejectedPins::Print Token::require_pin_worth_sending(const Secret& pin) {
    RejectedPins::Print print;
    const auto was_rejected = [&] {
        const MutexLock lock(mutex_);
        print = rejected_.print(pin.view());
        return rejected_.contains(print);
    };
    if (!was_rejected()) return print;
    // Unless another program has set it: the counter, whose query costs no try, shows it. Queried for such a PIN only.
    const TriesAnswer left = card().tries(use_, tries_age_max);
    require(left != TriesAnswer(0), CKR_PIN_LOCKED);
    if (left) {
        const MutexLock lock(mutex_);
        rejected_.heard(*left);
    }
    if (!was_rejected()) return print;
    services_.log.info("PIN not sent: this card rejected it before");
    throw Error{CKR_PIN_INCORRECT};
}

void Token::remember(const PinAnswer& answer, const RejectedPins::Print* print) noexcept {
    const MutexLock lock(mutex_);
    if (answer.kind == PinAnswer::Kind::accepted) rejected_.clear();
    // A blocked card does not compare: the PIN may be the right one.
    if (answer.kind != PinAnswer::Kind::rejected) return;
    if (print) rejected_.add(*print, answer.tries_left);
    else rejected_.rejected_unknown(answer.tries_left);
}

void Token::refuse(const PinAnswer& answer) {
    switch (answer.kind) {
    case PinAnswer::Kind::last_try_withheld:
        services_.log.info(std::string(name_of(use_)) + " PIN not sent: one try left and pin.keep_last_try is set");
        throw Error{CKR_PIN_LOCKED};
    case PinAnswer::Kind::rejected: throw Error{CKR_PIN_INCORRECT};
    case PinAnswer::Kind::blocked: throw Error{CKR_PIN_LOCKED};
    case PinAnswer::Kind::cancelled: throw Error{CKR_FUNCTION_CANCELED};
    case PinAnswer::Kind::not_entered: throw Error{CKR_PIN_INCORRECT};
    default: throw Error{CKR_USER_PIN_NOT_INITIALIZED};
    }
}

// The only path of a PIN to the card.
PinAnswer Token::ask_pin(const unsigned char* pin, CK_ULONG length, Card::Holder hold) {
    const bool on_pad = pin == nullptr && pad() != nullptr;
    Secret secret;
    if (!on_pad) {
        require(pin != nullptr, CKR_ARGUMENTS_BAD);
        require_shape(take_pin(use_, caller_bytes(pin, length), secret));
    }
    require_not_blocked();
    if (on_pad) {
        PadPin source(*pad());
        const PinAnswer answer = card().verify(use_, source, last_try(), std::move(hold));
        remember(answer, nullptr);
        return answer;
    }
    const RejectedPins::Print print = require_pin_worth_sending(secret);
    TypedPin source(secret);
    const PinAnswer answer = card().verify(use_, source, last_try(), std::move(hold));
    remember(answer, &print);
    return answer;
}

void Token::login(const unsigned char* pin, CK_ULONG length) {
    const MutexLock one_at_a_time(login_mutex_);
    require(!still_logged_in(), CKR_USER_ALREADY_LOGGED_IN);
    lose_private_handles();
    // Held, with consent for each signature, until the certificate was read, by any caller.
    const auto anybody = [] { return true; };
    const PinAnswer answer = ask_pin(pin, length, needs_consent_each() ? Card::Holder(anybody) : Card::Holder());
    if (answer.kind != PinAnswer::Kind::accepted) refuse(answer);
    if (needs_consent_each()) {
        // The certificate can be read now and not later; it is needed to check each signature. Then the card's security status is
        // reset before any other caller's turn: this login is not a consent.
        try {
            certificate();
        } catch (const std::exception& fault) {
            services_.log.error(std::string("cannot read the signature certificate: ") + fault.what());
        }
        card().reset_security_status();
    }
    user_.store(true, std::memory_order_release);
}

void Token::logout() {
    const MutexLock one_at_a_time(login_mutex_);
    if (logged_in()) return log_out();
    log_out_whatever_the_card_says();  // also a lost login may have left data in memory, or a reset that is due
    throw Error{CKR_USER_NOT_LOGGED_IN};
}

bool Token::logout_if(const std::function<bool()>& unused) {
    const MutexLock one_at_a_time(login_mutex_);
    if (!unused()) return false;
    log_out_whatever_the_card_says();
    return true;
}

void Token::log_out() {
    {
        const MutexLock lock(mutex_);
        consenting_ = CK_INVALID_HANDLE;
    }
    user_.store(false, std::memory_order_release);
    if (insertion_.gone()) return;
    card().forget(use_);
    // The card has no logout for one PIN. While the other key of this process is logged in, its state stays, and only this
    // process rejects the key; the last logout resets the card's security status. An unused consent ends in any case.
    card().reset_security_status_unless_verified(other(use_));
}

void Token::log_out_whatever_the_card_says() {
    try {
        log_out();
    } catch (const CardRemoved& removed) {
        services_.log.info(removed.what());  // and its PIN state with it
    } catch (const std::exception& fault) {
        services_.log.error(
            LogText("cannot reset the security status at the end of a login; retrying before the next command: ", fault.what()));
    }
}

void Token::set_pin(const unsigned char* old_pin, CK_ULONG old_length, const unsigned char* new_pin, CK_ULONG new_length) {
    const MutexLock one_at_a_time(login_mutex_);
    finish_change(change_pin(old_pin, old_length, new_pin, new_length));
}

Card::ChangeAnswer Token::change_pin(const unsigned char* old_pin, CK_ULONG old_length, const unsigned char* new_pin,
                                     CK_ULONG new_length) {
    if (old_pin == nullptr && new_pin == nullptr && pad() != nullptr) {
        require(pad()->can_change(), CKR_FUNCTION_NOT_SUPPORTED);
        require_not_blocked();
        withdraw_consent();
        PadPin source(*pad());
        const Card::ChangeAnswer answer = card().change_pin(use_, source, last_try());
        remember(answer, nullptr);
        return answer;
    }
    require(old_pin != nullptr && new_pin != nullptr, CKR_ARGUMENTS_BAD);
    // The new one first: it can be checked without the card, and no try may be spent on a change that cannot succeed.
    Secret fresh;
    require_new_shape(take_new_pin(use_, caller_bytes(new_pin, new_length), fresh));
    Secret old;
    require_shape(take_pin(use_, caller_bytes(old_pin, old_length), old));
    require_not_blocked();
    const RejectedPins::Print print = require_pin_worth_sending(old);
    withdraw_consent();
    TypedPin source(old, fresh);
    const Card::ChangeAnswer answer = card().change_pin(use_, source, last_try());
    remember(answer, &print);
    return answer;
}

void Token::finish_change(const Card::ChangeAnswer& answer) {
    require(answer.kind != PinAnswer::Kind::not_entered, CKR_PIN_INVALID);
    const bool blocked = answer.kind == PinAnswer::Kind::blocked;
    const bool refused = blocked || answer.kind == PinAnswer::Kind::rejected;
    // A wrong PIN ends the login at the card (apdu/README.md, State), of all sessions. With consent for each signature there is
    // none at the card, and the sessions stay user sessions until the PIN is blocked.
    if (refused && (blocked || !logged_in())) log_out_whatever_the_card_says();
    if (answer.kind != PinAnswer::Kind::accepted) refuse(answer);
    if (answer.changed) return;
    services_.log.error(std::string(name_of(use_)) + " PIN not changed: new PIN not accepted; the old PIN is still valid");
    throw Error{CKR_FUNCTION_FAILED};
}

}  // namespace jpki
