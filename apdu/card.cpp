#include "apdu/card.hpp"

#include "apdu/card_scope.hpp"

#include <algorithm>

namespace jpki {

Card::Card(std::unique_ptr<Link> link, Log& log, CertificateParser parse)
    : link_(std::move(link)), parse_(std::move(parse)), log_(log) {}

Card::~Card() = default;

// The connection is of no use any more.
void Card::give_up() noexcept {
    set_gone();
    held_ = false;
    transaction_.reset();
    end_logins();
}

void Card::check_connection() noexcept {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || gone() || link_->alive()) return;
    removed_ = true;
    set_gone();
    end_logins();
}

// --- selecting -------------------------------------------------------------------------------------------------------

bool Card::recognise(std::span<const Role> overview) {
    return run([&](Scope& scope) {
        if (recognised_) return true;
        if (!scope.applet().select(true)) return false;
        recognised_ = selected_ = selected_now_ = true;
        if (overview.empty()) return true;
        try {
            existence(scope);
            identity(scope);
            for (const Role role : overview) hear_tries(scope, role);
        } catch (const TransportFault&) {
            throw;
        } catch (const CardFault& fault) {
            // Who wants to know asks again, and is told what is wrong.
            log_.info(fault.what());
        }
        return true;
    });
}

// Makes certain that our application is selected, for what must not hit another one.
void Card::select_now(Scope& scope) {
    if (selected_now_) return;
    if (!scope.applet().select(false)) {
        // The same connection, and our application is not there any more: not the card that was recognised.
        set_gone();
        throw CardRemoved("another card answers");
    }
    selected_ = selected_now_ = true;
}

// Selects again after something showed that another program, a reset or a swap was there in between. The card must be
// the one that this object has shown so far.
void Card::reselect(Scope& scope) {
    selected_now_ = false;
    select_now(scope);
    const Bytes& known = authentication_start_;
    if (known.empty()) return;
    const FileAnswer again = scope.applet().read_start(Ef::authentication_certificate, std::min(known.size(), Command::le_max));
    // A phone whose login ended does not show it; without a PIN state there is nothing that a wrong card could be used for.
    if (again.kind == FileAnswer::Kind::locked && authentication_read_with_pin_) {
        verified_[index_of(Role::authentication)] = false;
        return;
    }
    if (again.kind != FileAnswer::Kind::read || again.data.size() > known.size() ||
        !std::equal(again.data.begin(), again.data.end(), known.begin())) {
        set_gone();
        throw CardRemoved("the card was exchanged");
    }
}

// The same, gently: on a card where selecting again ends a login, a look must not do so. While somebody is logged in, a
// token information file that only our application has shows that nothing else is selected.
void Card::confirm_selected(Scope& scope) {
    if (selected_now_) return;
    if (!selected_ || !(verified_[0] || verified_[1])) return select_now(scope);
    bool ours = false;
    try {
        const FileAnswer answer = scope.applet().read_start(Ef::token_information, TokenInformation::size);
        const auto information = answer.kind == FileAnswer::Kind::read ? parse_token_information(answer.data) : std::nullopt;
        ours = information && information->label.starts_with(jpki_label);
        if (ours && !token_information_) token_information_.emplace(information);
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault&) {
        // a status word that our application does not give
    }
    if (!ours) return reselect(scope);
    selected_now_ = true;
}

// --- PINs ------------------------------------------------------------------------------------------------------------

void Card::note(Role role, const PinAnswer& answer) {
    Heard& heard = heard_[index_of(role)];
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

void Card::hear_tries(Scope& scope, Role role) {
    confirm_selected(scope);
    heard_[index_of(role)] = {scope.applet().tries(role), Clock::now(), true};
}

TriesAnswer Card::tries(Role role, std::chrono::milliseconds max_age) {
    return run([&](Scope& scope) {
        const Heard& heard = heard_[index_of(role)];
        if (heard.valid && Clock::now() - heard.when < max_age) return heard.left;
        // Whoever polls one token polls the other: one SELECT serves both.
        if (heard_[index_of(other(role))].valid) hear_tries(scope, other(role));
        hear_tries(scope, role);
        return heard.left;
    });
}

TriesAnswer Card::last_heard_tries(Role role) {
    const std::scoped_lock lock(mutex_);
    const Heard& heard = heard_[index_of(role)];
    return heard.valid ? heard.left : std::nullopt;
}

// The way of every PIN: the application is certain to be ours, the answer is remembered, one VERIFY at the most. Only what is
// asked for a login makes one; a PIN that is to be changed ends one when it is refused.
Card::VerifyAnswer Card::verify_in(Scope& scope, Role role, bool for_login, bool keep_last_try, const std::function<PinAnswer(Applet)>& ask) {
    select_now(scope);
    if (keep_last_try) {
        hear_tries(scope, role);
        const TriesAnswer left = heard_[index_of(role)].left;
        if (left && *left == 0) return {{PinAnswer::Kind::blocked, 0}, false};
        if (left && *left == 1) return {{PinAnswer::Kind::rejected, 1}, true};
    }
    auto& verified = verified_[index_of(role)];
    auto& open = open_[index_of(role)];
    const bool was_verified = verified;
    const bool was_open = open;
    const bool known_to_be_there = heard_[index_of(role)].left || was_verified;
    // Whatever happens to the answer on its way, from here on the old count is void, and the card may be open.
    heard_[index_of(role)].valid = false;
    open = true;
    PinAnswer answer;
    try {
        answer = ask(scope.applet());
        // Not a card without this PIN, then, but one that lost the application between two commands.
        if (answer.kind == PinAnswer::Kind::absent && known_to_be_there) throw CardFault("the PIN is not there any more");
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault&) {
        // Whether the card took the PIN is not known; nobody is logged in by it.
        verified = false;
        leave_if_unused(scope);
        throw;
    }
    note(role, answer);
    const bool refused = answer.kind == PinAnswer::Kind::rejected || answer.kind == PinAnswer::Kind::blocked;
    const bool accepted = answer.kind == PinAnswer::Kind::accepted;
    verified = (for_login && accepted) || (was_verified && !refused);  // at the pad nothing may have been sent
    open = accepted || was_open;  // that a failure ends an earlier success is a guess (CARD.md, State)
    if (refused) leave_if_unused(scope);
    return {answer, false};
}

Card::VerifyAnswer Card::verify(Role role, const Secret& pin, bool keep_last_try, bool hold) {
    return run([&](Scope& scope) {
        const VerifyAnswer answer = verify_in(scope, role, true, keep_last_try, [&](Applet applet) { return applet.verify(role, pin); });
        if (hold && answer.kind == PinAnswer::Kind::accepted) held_ = true;
        return answer;
    });
}

Card::VerifyAnswer Card::verify_with_pad(Role role, const PadCommand& verify, bool keep_last_try, bool hold) {
    return run([&](Scope& scope) {
        const VerifyAnswer answer = verify_in(scope, role, true, keep_last_try, [&](Applet applet) {
            const auto p2 = applet.pin_reference(role);
            return p2 ? Applet::pin_answer(verify(*p2)) : PinAnswer{};
        });
        if (hold && answer.kind == PinAnswer::Kind::accepted) held_ = true;
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
        log_.error("the card went away during the change of a PIN; the old one is still valid unless the new one is accepted");
        throw;
    } catch (const TransportFault&) {
        log_.error("the answer to the change of a PIN was lost; the old one is still valid unless the new one is accepted");
        throw;
    } catch (const CardFault&) {
        log_.error("the card did not confirm the change of a PIN; the old one is still valid unless the new one is accepted");
        leave_if_unused(scope);
        throw;
    }
    // "The state left as before": a role that was not logged in is not left open by the VERIFY of its old PIN.
    leave_if_unused(scope);
    return result;
}

Card::ChangeAnswer Card::change_pin(Role role, const Secret& old_pin, const Secret& new_pin, bool keep_last_try) {
    return run([&](Scope& scope) {
        const VerifyAnswer answer = verify_in(scope, role, false, keep_last_try, [&](Applet applet) { return applet.verify(role, old_pin); });
        return change_in(scope, answer, [&](Applet applet) { return applet.change(role, new_pin); });
    });
}

Card::ChangeAnswer Card::change_pin_with_pad(Role role, const PadCommand& verify, const PadCommand& change, bool keep_last_try) {
    return run([&](Scope& scope) {
        std::uint8_t reference = 0;
        const VerifyAnswer answer = verify_in(scope, role, false, keep_last_try, [&](Applet applet) {
            const auto p2 = applet.pin_reference(role);
            if (!p2) return PinAnswer{};
            reference = *p2;
            return Applet::pin_answer(verify(reference));
        });
        return change_in(scope, answer, [&](Applet) { return Applet::change_answer(change(reference)); });
    });
}

void Card::end_logins() noexcept {
    for (auto& verified : verified_) verified.store(false, std::memory_order_release);
    for (auto& open : open_) open.store(false, std::memory_order_release);
}

// No PIN state is left at the card that nobody here is logged in by.
void Card::leave_if_unused(Scope& scope) {
    if (may_be_open() && !verified_[0] && !verified_[1]) leave(scope);
}

// Ends every PIN state; the next use selects our application again.
void Card::leave(Scope& scope) {
    selected_ = selected_now_ = false;
    bool left = false;
    try {
        left = scope.applet().leave();
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());
    }
    end_logins();
    lock_due_ = false;
    if (left) return;
    log_.info("the card did not let its application go; its power is taken to end the login");
    scope.transaction().power_off_at_end();
}

void Card::lock_now() {
    held_ = false;
    lock_due_ = true;
    for (auto& verified : verified_) verified = false;
    in_transaction([&](Scope& scope) { leave(scope); });
}

void Card::lock() {
    watched([&] { lock_now(); });
}

void Card::lock_unless_verified(Role role) {
    watched([&] {
        if (may_be_open() && !verified_[index_of(role)]) lock_now();
    });
}

void Card::exclusively(const std::function<void()>& f) {
    run([&](Scope&) { f(); });
}

void Card::doubt_certificates(Role role) {
    const std::scoped_lock lock(mutex_);
    forget_file(facts_of(role).certificate);
    forget_file(facts_of(role).ca);
    selected_ = false;  // perhaps they are another application's
    if (role != Role::authentication) return;
    authentication_start_.clear();
    identity_.clear();
}

bool Card::forget(Role role) {
    const std::scoped_lock lock(mutex_);
    verified_[index_of(role)] = false;
    if (!certificate_wants_pin(role) && !authentication_read_with_pin_) return false;
    forget_file(facts_of(role).certificate);
    if (role == Role::authentication) {
        authentication_start_.clear();
        authentication_read_with_pin_ = false;
    }
    return true;
}

// --- signatures ------------------------------------------------------------------------------------------------------

SignAnswer Card::sign(Role role, SignForm form, ByteView data) {
    return run([&](Scope& scope) {
        if (!selected_) reselect(scope);
        // A login that ended while this waited for its turn: the card may still be open for another role's sake, or because
        // a PIN is being changed.
        if (!verified_[index_of(role)]) return SignAnswer{SignAnswer::Kind::not_verified, {}};
        SignAnswer answer = scope.applet().sign(role, form, data);
        if (answer.kind != SignAnswer::Kind::done && !selected_now_) {
            // Perhaps another application answered. Ours says what has become of the login; no PIN is sent.
            if (answer.kind == SignAnswer::Kind::elsewhere) reselect(scope);
            else confirm_selected(scope);
            answer = scope.applet().sign(role, form, data);
        }
        if (answer.kind == SignAnswer::Kind::elsewhere) throw CardFault("the card does not know its own key");
        if (answer.kind == SignAnswer::Kind::not_verified) {
            verified_[index_of(role)] = open_[index_of(role)] = false;
            leave_if_unused(scope);
        }
        return answer;
    });
}

bool Card::has_pss(Role role) {
    return run([&](Scope& scope) {
        const auto& information = token_information(scope);
        if (information && information->model_has_pss()) return true;
        confirm_selected(scope);
        const std::uint16_t unknown = scope.applet().probe_sign(role, unassigned_sign_form);
        if (unknown != sw::incorrect_p1_p2) return false;  // it does not get as far as looking at P1: nothing is known
        return scope.applet().probe_sign(role, static_cast<std::uint8_t>(SignForm::pss_sha256)) != sw::incorrect_p1_p2;
    });
}

}  // namespace jpki
