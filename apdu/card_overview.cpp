// What a card shows in a list of tokens, and what of all that was read is published.
#include "apdu/card_operations.hpp"

#include <utility>

namespace jpki {

// --- what is known ---------------------------------------------------------------------------------------------------

// Without memory for it nothing is cached, and everything is read again.
void Card::operation_ended() noexcept {
    std::shared_ptr<const CardKnown> fresh;
    try {
        CardKnown known;
        files_.publish(known);
        known.tries = status_.heard();
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
    return run([&](Scope& scope) { return files_.has_key(scope, use); });
}

bool Card::may_offer_key(KeyUse use) {
    const auto known = this->known();
    if (const auto& file = known->files[certificate_slot(facts_of(use).certificate)])
        return file->certificate && has_key_of_card(*file->certificate);
    if (const auto has = known->has_key[index_of(use)]) return *has;
    return !known->existence_says_nothing || has_key(use);
}

// --- files ----------------------------------------------------------------------------------------------------------

// A search during a logout: the card may still return a certificate that needs the PIN, but no user is logged in.
std::optional<CertificateFile> Card::known_file(KeyUse use, Ef ef) const {
    // By name: a reference into what known() returns must not outlive it.
    const auto snapshot = known();
    if (const auto& file = snapshot->files[certificate_slot(ef)]) return file;
    if (ef == facts_of(use).certificate && certificate_wants_pin(use) && !verified(use))
        return CertificateFile{FileAnswer::Kind::locked, nullptr};
    return std::nullopt;
}

std::shared_ptr<const Certificate> Card::known_certificate(KeyUse use) const {
    const auto known = this->known();
    const auto& file = known->files[certificate_slot(facts_of(use).certificate)];
    return file ? file->certificate : nullptr;
}

CertificateFile Card::file(KeyUse use, Ef ef) {
    if (const auto file = known_file(use, ef)) return *file;
    return run([&](Scope& scope) { return files_.certificate_file(scope, use, ef); });
}

std::optional<TokenInformation> Card::token_information() {
    if (const auto known = this->known(); known->token_information) return *known->token_information;
    return run([&](Scope& scope) { return files_.token_information(scope); });
}

bool Card::certificate_is_public() {
    if (const auto is_public = known()->certificate_is_public) return *is_public;
    return run([&](Scope& scope) { return files_.certificate_is_public(scope); });
}

Bytes Card::identity() {
    if (const auto known = this->known(); !known->identity.empty()) return known->identity;
    return run([&](Scope& scope) -> Bytes { return files_.identity(scope); });
}

// --- all of it -------------------------------------------------------------------------------------------------------

Card::Overview Card::overview(KeyUse use, std::chrono::milliseconds max_age) {
    const auto known = this->known();
    const auto has = known->has_key[index_of(use)];
    const HeardTries& tries = known->tries[index_of(use)];
    if (has && !*has) return {};
    if (has && !known->identity.empty() && tries.fresh(max_age)) return {true, known->identity, tries.left};
    return run([&](Scope& scope) -> Overview {
        if (!files_.has_key(scope, use)) return {};
        Bytes identity = files_.identity(scope);
        bring_tries_up_to_date(scope, use, max_age);
        return {true, std::move(identity), status_.heard(use).left};
    });
}

}  // namespace jpki
