// What a card shows of itself to who looks at its tokens, and what of all that was read is known to everybody.
#include "apdu/card_scope.hpp"
#include "apdu/certificate_file.hpp"

#include <utility>

namespace jpki {

// --- what is known ---------------------------------------------------------------------------------------------------

// Without memory for it nothing is known, and everything is asked again.
void Card::operation_ended() noexcept {
    std::shared_ptr<const CardKnown> fresh;
    try {
        CardKnown known;
        known.has_key = has_key_;
        known.existence_says_nothing = existence_ && !(*existence_)[0] && !(*existence_)[1];
        known.identity = identity_;
        known.token_information = token_information_;
        if (authentication_locked_) known.certificate_is_public = false;
        else if (!authentication_start_.empty()) known.certificate_is_public = true;
        known.tries = status_.heard();
        for (std::size_t slot = 0; slot < files_.size(); ++slot)
            if (file_known_[slot]) known.files[slot] = files_[slot];
        known.certificates_doubted = certificates_doubted_;
        known.pss = pss_;
        known.pss_asked = pss_asked_;
        fresh = std::make_shared<const CardKnown>(std::move(known));
    } catch (const std::bad_alloc&) {
    }
    const MutexLock lock(known_mutex_);
    known_.swap(fresh);
}

std::shared_ptr<const CardKnown> Card::known() const {
    if (gone()) throw CardRemoved("card removed");
    {
        const MutexLock lock(known_mutex_);
        if (known_) return known_;
    }
    return std::make_shared<const CardKnown>();
}

// --- which keys there are -------------------------------------------------------------------------------------------

bool Card::has_key(KeyUse use) {
    if (const auto has = known()->has_key[index_of(use)]) return *has;
    return run([&](Scope& scope) { return has_key(scope, use); });
}

// That a key is not there is believed when it was heard twice (existence() sees to that for EF 0008).
bool Card::has_key(Scope& scope, KeyUse use) {
    auto& has = has_key_[index_of(use)];
    if (has) return *has;
    std::optional<bool> said = existence(scope)[index_of(use)];
    if (foreign_) return false;
    if (!said) said = file_is_there(scope, use) || file_is_there(scope, use);
    has = said;
    absent_[index_of(use)] = !*said;
    return *said;
}

// Whether there is a certificate of the holder's for `use`, or a file that wants the PIN.
bool Card::file_is_there(Scope& scope, KeyUse use) {
    if (use == KeyUse::authentication) {
        look_at_authentication_certificate(scope);
        return !authentication_start_.empty() || authentication_locked_;
    }
    confirm_selected(scope);
    const FileAnswer start = scope.applet().read_start(facts_of(use).certificate, 4);
    std::size_t total = 0;
    return start.kind == FileAnswer::Kind::locked ||
           (start.kind == FileAnswer::Kind::read && examine_head(start.data, total) != FileHead::nothing);
}

bool Card::may_offer_key(KeyUse use) {
    const auto known = this->known();
    if (const auto& file = known->files[certificate_slot(facts_of(use).certificate)])
        return file->certificate && has_key_of_card(*file->certificate);
    if (const auto has = known->has_key[index_of(use)]) return *has;
    return !known->existence_says_nothing || has_key(use);
}

// --- the authentication certificate, and what tells one card from another -------------------------------------------------

void Card::look_at_authentication_certificate(Scope& scope) {
    if (!authentication_start_.empty() || authentication_locked_) return;
    confirm_selected(scope);
    const FileAnswer start = scope.applet().read_start(Ef::authentication_certificate, Command::le_max);
    std::size_t total = 0;
    if (start.kind == FileAnswer::Kind::read && examine_head(start.data, total) == FileHead::certificate)
        remember_start(Ef::authentication_certificate, start.data);
    if (start.kind == FileAnswer::Kind::locked) authentication_locked_ = true;
    look_for_phone(scope);
}

bool Card::certificate_is_public() {
    if (const auto is_public = known()->certificate_is_public) return *is_public;
    return run([&](Scope& scope) {
        look_at_authentication_certificate(scope);
        return !authentication_start_.empty() && !authentication_locked_;
    });
}

const Bytes& Card::identity(Scope& scope) {
    if (!identity_.empty()) return identity_;
    look_at_authentication_certificate(scope);
    if (authentication_read_with_pin_ && !authentication_locked_) {
        const auto information = token_information(scope);  // a fault decides nothing
        authentication_locked_ = information && information->is_phone();
    }
    if (!authentication_locked_) identity_ = authentication_start_;
    if (!identity_.empty()) return identity_;
    // No authentication certificate, or one that wants the PIN, be it entered or not (a phone): what else is public.
    Bytes identity;
    confirm_selected(scope);
    for (const Ef ef : {Ef::token_information, Ef::authentication_ca, Ef::signature_ca}) {
        const FileAnswer part =
            scope.applet().read_start(ef, ef == Ef::token_information ? TokenInformation::size : Command::le_max);
        identity.insert(identity.end(), part.data.begin(), part.data.end());
    }
    if (identity.empty()) identity.push_back(0);
    identity_ = std::move(identity);
    return identity_;
}

Bytes Card::identity() {
    if (const auto known = this->known(); !known->identity.empty()) return known->identity;
    return run([&](Scope& scope) -> Bytes { return identity(scope); });
}

// --- all of it -------------------------------------------------------------------------------------------------------

Card::Overview Card::overview(KeyUse use, std::chrono::milliseconds max_age) {
    const auto known = this->known();
    const auto has = known->has_key[index_of(use)];
    const HeardTries& tries = known->tries[index_of(use)];
    if (has && !*has) return {};
    if (has && !known->identity.empty() && tries.fresh(max_age)) return {true, known->identity, tries.left};
    return run([&](Scope& scope) -> Overview {
        if (!has_key(scope, use)) return {};
        Bytes identity = this->identity(scope);
        bring_tries_up_to_date(scope, use, max_age);
        return {true, std::move(identity), status_.heard(use).left};
    });
}

}  // namespace jpki
