// Card and its PINs: every VERIFY and CHANGE REFERENCE DATA, the retry counters, and the end of a login.
#include "apdu/card_operations.hpp"
#include "apdu/log_text.hpp"

#include <utility>

namespace jpki {

void Card::hear_tries(Scope& scope, KeyUse use) {
    scope.confirm_selected();
    status_.hear(use, scope.applet().tries(use));
}

void Card::bring_tries_up_to_date(Scope& scope, KeyUse use, std::chrono::milliseconds max_age) {
    if (status_.heard(use).fresh(max_age)) return;
    // A program that polls one token polls the other too: one SELECT is enough for both.
    const HeardTries& others = status_.heard(other(use));
    if (others.valid && !others.fresh(max_age)) hear_tries(scope, other(use));
    hear_tries(scope, use);
}

TriesAnswer Card::tries(KeyUse use, std::chrono::milliseconds max_age) {
    if (const HeardTries heard = known()->tries[index_of(use)]; heard.fresh(max_age)) return heard.left;
    return run([&](Scope& scope) {
        bring_tries_up_to_date(scope, use, max_age);
        return status_.heard(use).left;
    });
}

TriesAnswer Card::last_heard_tries(KeyUse use) {
    const HeardTries heard = known()->tries[index_of(use)];
    return heard.valid ? heard.left : std::nullopt;
}

// The path of every PIN: our application is certainly selected, the answer is recorded, at most one VERIFY. Only a PIN
// for a login makes one; a PIN for a change ends a login if it is rejected.
PinAnswer Card::verify_in(Scope& scope, KeyUse use, Purpose purpose, PinSource& source, LastTry last_try) {
    scope.select_now();
    if (last_try == LastTry::withhold) {
        hear_tries(scope, use);
        const TriesAnswer left = status_.heard(use).left;
        if (left && *left == 0) return {PinAnswer::Kind::blocked, 0};
        if (left && *left == 1) return {PinAnswer::Kind::last_try_withheld, 1};
    }
    SecurityStatus::Attempt attempt(status_, use);
    PinAnswer answer;
    try {
        answer = source.verify(scope.applet(), use);
        // Then the card has this PIN, but lost the application between two commands.
        if (answer.kind == PinAnswer::Kind::absent && attempt.pin_known())
            throw CardFault("VERIFY: PIN not found, although the card had it before");
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault&) {
        attempt.answer_lost();
        leave_if_unused(scope);
        throw;
    }
    attempt.answered(answer, purpose == Purpose::login);
    if (answer.kind == PinAnswer::Kind::rejected || answer.kind == PinAnswer::Kind::blocked) leave_if_unused(scope);
    return answer;
}

// Before an operation of any application on this connection.
void Card::prepare() {
    connection_.assert_turn();
    const bool held_for_another = connection_.held_for_another();
    if (held_for_another) log_.info("consent to a signature ended: another call used the card before the signature");
    if (status_.reset_due() || held_for_another) reset_security_status_now();
}

PinAnswer Card::verify(KeyUse use, PinSource& source, LastTry last_try, Holder hold) {
    return run([&](Scope& scope) {
        const PinAnswer answer = verify_in(scope, use, Purpose::login, source, last_try);
        if (hold && answer.kind == PinAnswer::Kind::accepted) scope.exchange().hold(std::move(hold));
        return answer;
    });
}

Card::ChangeAnswer Card::change_in(Scope& scope, KeyUse use, const PinAnswer& verified, PinSource& source) {
    ChangeAnswer result{verified, false};
    if (verified.kind != PinAnswer::Kind::accepted) return result;
    try {
        const PinAnswer::Kind said = source.change(scope.applet(), use);
        result.changed = said == PinAnswer::Kind::accepted;
        if (said == PinAnswer::Kind::cancelled || said == PinAnswer::Kind::not_entered) result.kind = said;
    } catch (const CardRemoved&) {
        log_.error("PIN change interrupted: card removed; not known which PIN is valid, try the new one first");
        throw;
    } catch (const TransportFault&) {
        log_.error("PIN change: answer lost; not known which PIN is valid, try the new one first");
        throw;
    } catch (const CardFault&) {
        log_.error("PIN change not confirmed; not known which PIN is valid, try the new one first");
        leave_if_unused(scope);
        throw;
    }
    // The state as before: the VERIFY of its old PIN leaves no login open for a key that was not logged in.
    leave_if_unused(scope);
    return result;
}

Card::ChangeAnswer Card::change_pin(KeyUse use, PinSource& source, LastTry last_try) {
    return run([&](Scope& scope) {
        const PinAnswer answer = verify_in(scope, use, Purpose::change, source, last_try);
        return change_in(scope, use, answer, source);
    });
}

// The card was reset by another program, or lost its power: our application is not selected any more. A warm reset keeps the
// login, a loss of power ends it (apdu/README.md, State); if the kind is not known, the next use shows it.
void Card::card_was_reset(bool lost_power) {
    if (!lost_power) {
        status_.doubt_logins();
        return;
    }
    if (status_.any_verified()) log_.info("card lost power; all logins ended");
    for (const KeyUse use : all_key_uses)
        if (status_.verified(use) && certificate_wants_pin(use)) files_.forget_certificate(use);
    status_.end_logins();
}

// No login stays open at the card that no user here has. Comes after the answer to the caller's request, which
// must be returned with any result of this: a connection that fails here is closed, and the card is powered off.
void Card::leave_if_unused(Scope& scope) {
    if (!may_be_open() || status_.any_verified()) return;
    try {
        select_issuer_security_domain(scope);
    } catch (const CardRemoved& fault) {
        scope.exchange().give_up(Presence::removed);
        log_.info(fault.what());
    } catch (const TransportFault& fault) {
        scope.transaction().power_off_at_end();
        scope.exchange().give_up(Presence::connection_lost);
        log_.error(LogText("cannot reset the security status; powering the card off: ", fault.what()));
    }
}

// Ends all logins; the next use selects our application again.
void Card::select_issuer_security_domain(Scope& scope) {
    scope.exchange().end_hold();
    scope.exchange().deselect();
    bool left = false;
    try {
        left = scope.applet().select_issuer_security_domain();
        // The first command after a loss of power may be answered 6F00 (apdu/README.md, Recognition).
        if (!left && scope.exchange().first_command()) left = scope.applet().select_issuer_security_domain();
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());
    }
    scope.exchange().end_security_status();
    status_.ended();
    if (left) return;
    log_.info("cannot select the issuer security domain; powering the card off to end the login");
    scope.transaction().power_off_at_end();
}

void Card::reset_security_status_now() {
    connection_.assert_turn();
    status_.demand_reset();
    in_transaction([&](Scope& scope) { select_issuer_security_domain(scope); });
}

void Card::reset_security_status() {
    connection_.operate([&] { reset_security_status_now(); });
}

void Card::reset_security_status_unless_verified(KeyUse use) {
    connection_.operate([&] {
        const bool reset = connection_.held() ? status_.open(other(use)) : may_be_open() && !status_.verified(use);
        if (reset) reset_security_status_now();
    });
}

void Card::end_hold() {
    connection_.operate([&] {
        if (connection_.held()) reset_security_status_now();
    });
}

void Card::end_hold_older_than(std::chrono::milliseconds age) {
    connection_.if_free([&] {
        connection_.assert_turn();
        if (gone() || !connection_.held_for(age)) return;
        const std::string limit = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) + " seconds";
        log_.info(LogText("consent to a signature ended: no signature within ", limit));
        connection_.watched([&] { reset_security_status_now(); });
    });
}

bool Card::forget(KeyUse use) {
    return connection_.locked([&] {
        status_.log_out(use);
        if (!certificate_wants_pin(use) && !files_.authentication_read_with_pin()) return false;
        files_.forget_certificate(use);
        return true;
    });
}

}  // namespace jpki
