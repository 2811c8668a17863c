#include "apdu/card.hpp"

#include "apdu/card_scope.hpp"
#include "apdu/iso7816.hpp"
#include "apdu/patience.hpp"

#include <algorithm>
#include <utility>

namespace jpki {

namespace {

// A certificate's serial number (at most 20 bytes, RFC 5280, 4.1.2.2) lies within its first bytes: SEQUENCE, SEQUENCE, version.
constexpr std::size_t serial_number_within = 48;

// Powering up and three commands over a slow NFC link, with room to spare.
constexpr std::chrono::milliseconds recognition_max{1000};

}  // namespace

Card::Card(std::unique_ptr<Link> link, Log& log, ChainCheck chain_check)
    : Card(std::make_shared<Connection>(std::move(link), log), log, std::move(chain_check)) {}

Card::Card(std::shared_ptr<Connection> connection, Log& log, ChainCheck chain_check)
    : shared_connection_(std::move(connection)),
      connection_(*shared_connection_),
      chain_check_(std::move(chain_check)),
      log_(log) {
    connection_.add(*this);
}

// A connection of the card's own ends with it.
Card::~Card() {
    if (shared_connection_.use_count() > 1) connection_.remove(*this);
}

bool Card::select(Link::Transaction& transaction, bool first_command) {
    return Applet(transaction, profile_).select(first_command);
}

void Card::exclusively(const std::function<void()>& f) {
    run([&](Scope&) { f(); });
}

// --- selecting -------------------------------------------------------------------------------------------------------

bool Card::recognise_in(Scope& scope) {
    if (foreign_) return false;
    if (recognised_) return true;
    bool ours = false;
    try {
        ours = scope.exchange().select(*this, true);
    } catch (const TransportFault&) {
        throw;
    } catch (const CardReset&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(std::string(fault.what()) + ", twice; not a JPKI card");
    }
    foreign_ = !ours;
    if (!ours) return false;
    recognised_ = true;
    scope.exchange().card_recognised();
    return true;
}

bool Card::recognise(std::span<const KeyUse> overview) {
    return run([&](Scope& scope) {
        if (recognised_) return true;
        if (!recognise_in(scope)) return false;
        if (overview.empty()) return true;
        try {
            for (const KeyUse use : overview) has_key(scope, use);
            if (foreign_) return false;
            identity(scope);
            for (const KeyUse use : overview) hear_tries(scope, use);
        } catch (const TransportFault&) {
            throw;
        } catch (const CardFault& fault) {
            // Who wants to know asks again, and is told what is wrong.
            log_.info(fault.what());
        }
        return true;
    });
}

// What look() asks, in one transaction.
bool Card::look_in(Scope& scope) {
    if (!recognise_in(scope)) return false;
    if (keys_known_) return true;
    try {
        existence(scope);
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());
        // Not asked forever: who needs a file finds out by reading it.
        if (++looks_ == 2) keys_known_ = true;
    }
    return !foreign_;
}

std::optional<bool> Card::look() {
    std::optional<bool> seen;
    // Another thread of this process is recognising the same card: its answer is worth a moment. Without it this thread would
    // say that there is no card. Not so where that thread itself waits for an exclusive holder.
    const auto worth_it = [&, nothing_known = !recognised_] { return nothing_known && !connection_.held_exclusively(); };
    connection_.locked_until(std::chrono::steady_clock::now() + recognition_max, worth_it, [&] {
        connection_.assert_turn();
        if (connection_.held()) return;  // a look ends nobody's consent
        if (recognised_ && keys_known_ && !gone()) {
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

// Makes certain that our application is selected, for what must not hit another one.
void Card::select_now(Scope& scope) {
    if (scope.exchange().certain(*this)) return;
    if (!scope.exchange().select(*this)) {
        // The same stay, and our application is not there any more: not the card that was recognised.
        set_gone();
        throw CardRemoved("card does not have the JPKI application any more");
    }
    // A reader that was unplugged and plugged again shows the same event counter.
    if (std::exchange(unconfirmed_, false)) confirm_same_card(scope, serial_number_within);
}

// Selects again after something showed that another program, a reset or a swap was there in between. The card must be
// the one that this object has shown so far.
void Card::reselect(Scope& scope) {
    scope.exchange().doubt();
    unconfirmed_ = false;
    select_now(scope);
    confirm_same_card(scope, Command::le_max);
}

// The first `size` bytes of the authentication certificate, where it was read before (1 command), must be what they were.
void Card::confirm_same_card(Scope& scope, std::size_t size) {
    const Bytes& known = authentication_start_;
    if (known.empty()) return;
    const FileAnswer again = scope.applet().read_start(Ef::authentication_certificate, std::min(known.size(), size));
    // A phone whose login ended does not show it; without a PIN state there is nothing that a wrong card could be used for.
    if (again.kind == FileAnswer::Kind::locked && authentication_read_with_pin_) {
        status_.log_out(KeyUse::authentication);
        return;
    }
    if (again.kind != FileAnswer::Kind::read || again.data.size() > known.size() ||
        !std::equal(again.data.begin(), again.data.end(), known.begin())) {
        set_gone();
        throw CardRemoved("card replaced by another one");
    }
}

// The same without a SELECT where possible: on a card where selecting again ends a login, a look must not do so. While somebody
// is logged in, a token information file that only our application has shows that nothing else is selected.
void Card::confirm_selected(Scope& scope) {
    if (scope.exchange().certain(*this)) return;
    if (!scope.exchange().selected(*this) || !status_.any_verified()) return select_now(scope);
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
    scope.exchange().confirm(*this);
}

// --- signatures ------------------------------------------------------------------------------------------------------

SignAnswer Card::sign(KeyUse use, SignatureScheme scheme, ByteView data) {
    return run([&](Scope& scope) {
        if (!scope.exchange().selected(*this)) reselect(scope);
        // A login that ended while this waited for its turn: the card may still be open for another key's sake, or because
        // a PIN is being changed.
        if (!status_.verified(use)) return SignAnswer{SignAnswer::Kind::not_verified, {}};
        SignAnswer answer = scope.applet().sign(use, scheme, data);
        if (answer.kind != SignAnswer::Kind::done && !scope.exchange().certain(*this)) {
            // Perhaps another application answered. Ours says what has become of the login; no PIN is sent.
            if (answer.kind == SignAnswer::Kind::elsewhere) reselect(scope);
            else confirm_selected(scope);
            answer = scope.applet().sign(use, scheme, data);
        }
        if (answer.kind == SignAnswer::Kind::elsewhere) throw CardFault("card does not find its private key");
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
        reselect(scope);
        // What only a login opens: the signature certificate; and the sign command, with too little to sign.
        const bool refused = use == KeyUse::signature
                                 ? scope.applet().read_start(Ef::signature_certificate, 4).kind == FileAnswer::Kind::locked
                                 : scope.applet().probe_sign(use, static_cast<std::uint8_t>(SignatureScheme::pss_sha256)) ==
                                       sw::security_status_not_satisfied;
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
    const auto information = token_information(scope);
    if (information && information->model_has_pss()) {
        pss_ = true;
        return true;
    }
    confirm_selected(scope);
    if (scope.applet().probe_sign(use, unassigned_signature_scheme) == sw::incorrect_p1_p2) {
        pss_ = scope.applet().probe_sign(use, static_cast<std::uint8_t>(SignatureScheme::pss_sha256)) != sw::incorrect_p1_p2;
        return *pss_;
    }
    // It does not get as far as looking at P1: nothing is known.
    pss_asked_[index_of(use)] = status_.verified(use) ? PssAsked::logged_in : PssAsked::logged_out;
    return false;
}

}  // namespace jpki
