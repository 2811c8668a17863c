// Card and its PINs: every VERIFY and CHANGE, the tries left, and the end of a login.
#include "apdu/card_scope.hpp"
#include "apdu/log_text.hpp"

#include <utility>

namespace jpki {

void Card::note(KeyUse use, const PinAnswer& answer) {
    HeardTries& heard = heard_[index_of(use)];
    switch (answer.kind) {
    case PinAnswer::Kind::accepted:
        heard.valid = false;  // a right PIN resets the count; how high is for the card to say
        break;
    case PinAnswer::Kind::rejected:
    case PinAnswer::Kind::blocked: heard = {answer.tries_left, Clock::now(), true}; break;
    case PinAnswer::Kind::absent:
    case PinAnswer::Kind::cancelled:
    case PinAnswer::Kind::not_entered: break;
    }
}

void Card::hear_tries(Scope& scope, KeyUse use) {
    confirm_selected(scope);
    heard_[index_of(use)] = {scope.applet().tries(use), Clock::now(), true};
}

void Card::bring_tries_up_to_date(Scope& scope, KeyUse use, std::chrono::milliseconds max_age) {
    if (heard_[index_of(use)].fresh(max_age)) return;
    // A program that polls one token polls the other too: one SELECT serves both.
    const HeardTries& others = heard_[index_of(other(use))];
    if (others.valid && !others.fresh(max_age)) hear_tries(scope, other(use));
    hear_tries(scope, use);
}

TriesAnswer Card::tries(KeyUse use, std::chrono::milliseconds max_age) {
    if (const HeardTries heard = known()->tries[index_of(use)]; heard.fresh(max_age)) return heard.left;
    return run([&](Scope& scope) {
        bring_tries_up_to_date(scope, use, max_age);
        return heard_[index_of(use)].left;
    });
}

TriesAnswer Card::last_heard_tries(KeyUse use) {
    const HeardTries heard = known()->tries[index_of(use)];
    return heard.valid ? heard.left : std::nullopt;
}

// The way of every PIN: the application is certain to be ours, the answer is remembered, one VERIFY at the most. Only what is
// asked for a login makes one; a PIN that must be changed ends one when it is refused.
Card::VerifyAnswer Card::verify_in(Scope& scope, KeyUse use, bool for_login, bool keep_last_try,
                                   const std::function<PinAnswer(Applet)>& ask) {
    select_now(scope);
    if (keep_last_try) {
        hear_tries(scope, use);
        const TriesAnswer left = heard_[index_of(use)].left;
        if (left && *left == 0) return {{PinAnswer::Kind::blocked, 0}, false};
        if (left && *left == 1) return {{PinAnswer::Kind::rejected, 1}, true};
    }
    auto& verified = verified_[index_of(use)];
    auto& open = open_[index_of(use)];
    const bool was_verified = verified;
    const bool was_open = open;
    const bool known_to_be_there = heard_[index_of(use)].left || was_verified;
    // Whatever happens to the answer on its way, from here on the old count is void, and the card may be open.
    heard_[index_of(use)].valid = false;
    open = true;
    PinAnswer answer;
    try {
        answer = ask(scope.applet());
        // Not a card without this PIN, then, but one that lost the application between two commands.
        if (answer.kind == PinAnswer::Kind::absent && known_to_be_there)
            throw CardFault("VERIFY: PIN not found, although the card had it before");
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault&) {
        // Whether the card took the PIN is not known; nobody is logged in by it.
        verified = false;
        leave_if_unused(scope);
        throw;
    }
    note(use, answer);
    const bool refused = answer.kind == PinAnswer::Kind::rejected || answer.kind == PinAnswer::Kind::blocked;
    const bool accepted = answer.kind == PinAnswer::Kind::accepted;
    verified = (for_login && accepted) || (was_verified && !refused);  // at the pad nothing may have been sent
    if (accepted) login_in_doubt_[index_of(use)] = false;
    open = accepted || was_open;  // that a failure ends an earlier success is a guess (apdu/README.md, State)
    if (refused) leave_if_unused(scope);
    return {answer, false};
}

void Card::begin_hold(Holder hold) {
    holder_ = std::move(hold);
    held_since_ = Clock::now();
    held_ = true;
}

bool Card::held_by_somebody_else() const {
    if (!held_ || holder_()) return false;
    log_.info("consent to a signature ended: the card was used for something else first");
    return true;
}

Card::VerifyAnswer Card::verify(KeyUse use, const Secret& pin, bool keep_last_try, Holder hold) {
    return run([&](Scope& scope) {
        const VerifyAnswer answer =
            verify_in(scope, use, true, keep_last_try, [&](Applet applet) { return applet.verify(use, pin); });
        if (hold && answer.kind == PinAnswer::Kind::accepted) begin_hold(std::move(hold));
        return answer;
    });
}

Card::VerifyAnswer Card::verify_with_pad(KeyUse use, const PadCommand& verify, bool keep_last_try, Holder hold) {
    return run([&](Scope& scope) {
        const VerifyAnswer answer = verify_in(scope, use, true, keep_last_try, [&](Applet applet) {
            const auto p2 = applet.pin_reference(use);
            return p2 ? Applet::pin_answer(verify(*p2)) : PinAnswer{};
        });
        if (hold && answer.kind == PinAnswer::Kind::accepted) begin_hold(std::move(hold));
        return answer;
    });
}

Card::ChangeAnswer Card::change_in(Scope& scope, const VerifyAnswer& verified,
                                   const std::function<PinAnswer::Kind(Applet)>& change) {
    ChangeAnswer result{verified, false, verified.last_try_kept};
    if (verified.last_try_kept || verified.kind != PinAnswer::Kind::accepted) return result;
    try {
        const PinAnswer::Kind said = change(scope.applet());
        result.changed = said == PinAnswer::Kind::accepted;
        if (said == PinAnswer::Kind::cancelled || said == PinAnswer::Kind::not_entered) result.kind = said;
    } catch (const CardRemoved&) {
        log_.error("PIN change interrupted: card removed; the old PIN is still valid unless the card accepts the new one");
        throw;
    } catch (const TransportFault&) {
        log_.error("PIN change: answer lost; the old PIN is still valid unless the card accepts the new one");
        throw;
    } catch (const CardFault&) {
        log_.error("PIN change not confirmed; the old PIN is still valid unless the card accepts the new one");
        leave_if_unused(scope);
        throw;
    }
    // "The state left as before": a key that was not logged in is not left open by the VERIFY of its old PIN.
    leave_if_unused(scope);
    return result;
}

Card::ChangeAnswer Card::change_pin(KeyUse use, const Secret& old_pin, const Secret& new_pin, bool keep_last_try) {
    return run([&](Scope& scope) {
        const VerifyAnswer answer =
            verify_in(scope, use, false, keep_last_try, [&](Applet applet) { return applet.verify(use, old_pin); });
        return change_in(scope, answer, [&](Applet applet) { return applet.change(use, new_pin); });
    });
}

Card::ChangeAnswer Card::change_pin_with_pad(KeyUse use, const PadCommand& verify, const PadCommand& change, bool keep_last_try) {
    return run([&](Scope& scope) {
        std::uint8_t reference = 0;
        const VerifyAnswer answer = verify_in(scope, use, false, keep_last_try, [&](Applet applet) {
            const auto p2 = applet.pin_reference(use);
            if (!p2) return PinAnswer{};
            reference = *p2;
            return Applet::pin_answer(verify(reference));
        });
        return change_in(scope, answer, [&](Applet) { return Applet::change_answer(change(reference)); });
    });
}

// The card was reset by another program, or lost its power: our application is not selected any more. A warm reset keeps the PIN
// state, a loss of power ends it (apdu/README.md, State); where it is not known which it was, the card tells at the next use.
void Card::note_reset(const Link::Transaction& transaction) {
    selected_ = false;
    may_stumble_ = true;
    if (!transaction.lost_power()) {
        for (const KeyUse use : all_key_uses) login_in_doubt_[index_of(use)] = verified_[index_of(use)];
        return;
    }
    if (verified_[0] || verified_[1]) log_.info("card lost power; all logins ended");
    for (const KeyUse use : all_key_uses)
        if (verified_[index_of(use)] && certificate_wants_pin(use)) forget_certificate(use);
    end_logins();
}

void Card::end_logins() noexcept {
    for (auto& verified : verified_) verified.store(false, std::memory_order_release);
    for (auto& open : open_) open.store(false, std::memory_order_release);
}

// No PIN state is left at the card that nobody here is logged in by. Comes after the answer to what the caller asked, which
// must be returned whatever becomes of this: a connection that fails here is given up, and the card is powered off.
void Card::leave_if_unused(Scope& scope) {
    if (!may_be_open() || verified_[0] || verified_[1]) return;
    try {
        select_issuer_security_domain(scope);
    } catch (const CardRemoved& fault) {
        removed_ = true;
        give_up();
        log_.info(fault.what());
    } catch (const TransportFault& fault) {
        scope.transaction().power_off_at_end();
        give_up();
        log_.error(LogText("cannot reset the security status; powering the card off: ", fault.what()));
    }
}

// Ends every PIN state; the next use selects our application again.
void Card::select_issuer_security_domain(Scope& scope) {
    selected_ = selected_now_ = held_ = false;
    bool left = false;
    try {
        left = scope.applet().select_issuer_security_domain();
        // The first command after a loss of power may be answered 6F00 (apdu/README.md, Recognition).
        if (!left && std::exchange(may_stumble_, false)) left = scope.applet().select_issuer_security_domain();
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());
    }
    end_logins();
    reset_due_ = false;
    if (left) return;
    log_.info("cannot select the issuer security domain; powering the card off to end the login");
    scope.transaction().power_off_at_end();
}

void Card::reset_security_status_now() {
    held_ = false;
    reset_due_ = true;
    for (auto& verified : verified_) verified = false;
    in_transaction([&](Scope& scope) { select_issuer_security_domain(scope); });
}

void Card::reset_security_status() {
    watched([&] { reset_security_status_now(); });
}

void Card::reset_security_status_unless_verified(KeyUse use) {
    watched([&] {
        const bool lock = held_ ? open_[index_of(other(use))].load() : may_be_open() && !verified_[index_of(use)];
        if (lock) reset_security_status_now();
    });
}

void Card::end_hold() {
    watched([&] {
        if (held_) reset_security_status_now();
    });
}

void Card::end_hold_older_than(std::chrono::milliseconds age) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || gone() || !held_ || Clock::now() - held_since_ < age) return;
    log_.info("consent to a signature ended: not used in time");
    watched_locked([&] { reset_security_status_now(); });
}

bool Card::forget(KeyUse use) {
    const std::scoped_lock lock(mutex_);
    const Publisher publisher(*this);
    verified_[index_of(use)] = false;
    if (!certificate_wants_pin(use) && !authentication_read_with_pin_) return false;
    forget_certificate(use);
    return true;
}

void Card::forget_certificate(KeyUse use) {
    forget_file(facts_of(use).certificate);
    chained_[index_of(use)].reset();
    if (use != KeyUse::authentication) return;
    authentication_start_.clear();
    authentication_read_with_pin_ = false;
}

}  // namespace jpki
