#include "apdu/card.hpp"

#include "apdu/card_operations.hpp"
#include "apdu/iso7816.hpp"
#include "apdu/patience.hpp"

#include <algorithm>
#include <utility>

namespace jpki {

namespace {

// Power-on and three commands over a slow NFC link, with a margin.
constexpr std::chrono::milliseconds recognition_max{1000};

}  // namespace

Card::Card(std::unique_ptr<Link> link, Log& log, ChainCheck chain_check)
    : Card(std::make_shared<Connection>(std::move(link), log), log, std::move(chain_check)) {}

Card::Card(std::shared_ptr<Connection> connection, Log& log, ChainCheck chain_check)
    : shared_connection_(std::move(connection)),
      connection_(*shared_connection_),
      log_(log),
      files_(status_, log, std::move(chain_check)) {
    connection_.add(*this);
}

// A connection made by the card ends with it.
Card::~Card() {
    if (shared_connection_.use_count() > 1) connection_.remove(*this);
}

bool Card::select(Link::Transaction& transaction, bool first_command) {
    return Applet(transaction, state_.profile).select(first_command);
}

void Card::exclusively(const std::function<void()>& f) {
    run([&](Scope&) { f(); });
}

// --- selecting -------------------------------------------------------------------------------------------------------

bool Card::recognise_in(Scope& scope) {
    if (foreign_ || files_.foreign()) return false;
    if (recognised_) return true;
    bool ours = false;
    try {
        ours = scope.exchange().select(*this, true);
    } catch (const TransportFault&) {
        throw;
    } catch (const CardReset&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(std::string(fault.what()) + ", second unexpected answer; not a JPKI card");
    }
    foreign_ = !ours;
    if (!ours) return false;
    recognised_ = true;
    scope.exchange().card_recognised();
    return true;
}

bool Card::recognise(std::span<const KeyUse> overview) {
    return run([&](Scope& scope) {
        if (recognised()) return true;
        if (!recognise_in(scope)) return false;
        if (overview.empty()) return true;
        try {
            for (const KeyUse use : overview) files_.has_key(scope, use);
            if (files_.foreign()) return false;
            files_.identity(scope);
            for (const KeyUse use : overview) hear_tries(scope, use);
        } catch (const TransportFault&) {
            throw;
        } catch (const CardFault& fault) {
            // The next call tries again, and gets the error.
            log_.info(fault.what());
        }
        return true;
    });
}

// The reads of look(), in one transaction.
bool Card::look_in(Scope& scope) {
    if (!recognise_in(scope)) return false;
    try {
        files_.existence(scope);
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());
        files_.existence_failed();
    }
    return !files_.foreign();
}

std::optional<bool> Card::look() {
    std::optional<bool> seen;
    // Another thread of this process is recognising the same card: wait briefly for its result. Otherwise this thread would
    // report no card. Not if that thread itself waits for an exclusive holder.
    const auto worth_it = [&, nothing_known = !recognised()] { return nothing_known && !connection_.held_exclusively(); };
    connection_.locked_until(CardClock::now() + recognition_max, worth_it, [&] {
        connection_.assert_turn();
        if (connection_.held()) return;  // look() ends no consent
        if (recognised() && files_.keys_known() && !gone()) {
            seen = true;
            return;
        }
        struct AtOnce {
            Link& link;
            explicit AtOnce(Link& link_) : link(link_) { link.set_waits(false); }
            ~AtOnce() { link.set_waits(true); }
        } at_once(connection_.link());
        try {
            seen = connection_.watched([&] {
                if (status_.reset_due()) reset_security_status_now();
                return in_transaction([&](Scope& scope) { return look_in(scope); });
            });
        } catch (const CardBusy&) {
        }
    });
    return seen;
}

// --- signatures ------------------------------------------------------------------------------------------------------

SignAnswer Card::sign(KeyUse use, const SignatureScheme& scheme, ByteView data) {
    return run([&](Scope& scope) {
        if (!scope.selected()) scope.reselect();
        // A login that ended while this call waited: the card may still be open because of another key, or because
        // a PIN is being changed.
        if (!status_.verified(use)) return SignAnswer{SignAnswer::Kind::not_verified, {}};
        SignAnswer answer = scope.applet().sign(use, scheme, data);
        if (answer.kind != SignAnswer::Kind::done && !scope.certain()) {
            // Perhaps another application answered. Ours answers whether the login is open; no PIN is sent.
            if (answer.kind == SignAnswer::Kind::elsewhere) scope.reselect();
            else scope.confirm_selected();
            answer = scope.applet().sign(use, scheme, data);
        }
        if (answer.kind == SignAnswer::Kind::elsewhere) throw CardFault("card answered that the private key does not exist");
        if (answer.kind == SignAnswer::Kind::done) status_.confirm_login(use);
        if (answer.kind == SignAnswer::Kind::scheme_unknown) pss_ = false;
        if (answer.kind == SignAnswer::Kind::not_verified) {
            status_.refused(use);
            leave_if_unused(scope);
        }
        return answer;
    });
}

bool Card::still_verified(KeyUse use) {
    return run([&](Scope& scope) {
        if (!status_.verified(use) || !status_.in_doubt(use)) return status_.verified(use);
        status_.confirm_login(use);
        scope.reselect();
        // Data that needs a login: the signature certificate; and the sign command, with too little data to sign.
        const bool refused = use == KeyUse::signature
                                 ? scope.applet().read_start(Ef::signature_certificate, 4).kind == FileAnswer::Kind::locked
                                 : scope.applet().probe_sign(use, rsa_pss_sha256.p1) == sw::security_status_not_satisfied;
        if (refused) status_.refused(use);
        return status_.verified(use);
    });
}

bool Card::has_pss(KeyUse use) {
    const auto known = this->known();
    if (known->pss) return *known->pss;
    if (known->pss_asked[index_of(use)] >= (verified(use) ? PssAsked::logged_in : PssAsked::logged_out)) return false;
    return run([&](Scope& scope) { return has_pss(scope, use); });
}

bool Card::has_pss(Scope& scope, KeyUse use) {
    if (pss_) return *pss_;
    const auto information = files_.token_information(scope);
    if (information && information->model_has_pss()) {
        pss_ = true;
        return true;
    }
    scope.confirm_selected();
    if (scope.applet().probe_sign(use, unassigned_signature_scheme) == sw::incorrect_p1_p2) {
        pss_ = scope.applet().probe_sign(use, rsa_pss_sha256.p1) != sw::incorrect_p1_p2;
        return *pss_;
    }
    // The card does not reach the check of P1: nothing is known.
    pss_asked_[index_of(use)] = status_.verified(use) ? PssAsked::logged_in : PssAsked::logged_out;
    return false;
}

}  // namespace jpki
