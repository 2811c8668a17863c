// What Card reads, and keeps for as long as the card stays. Nothing goes to disk.
#include "apdu/card_scope.hpp"
#include "apdu/certificate_file.hpp"

#include <algorithm>

namespace jpki {

namespace {

std::size_t slot_of(Ef ef) {
    switch (ef) {
    case Ef::authentication_certificate: return 0;
    case Ef::signature_certificate: return 1;
    case Ef::authentication_ca: return 2;
    default: return 3;
    }
}

// EF 0008, byte 0 signature, byte 1 authentication; 8F: there (apdu/README.md, Files).
constexpr std::uint8_t exists = 0x8F;

// The sign command gives 256 bytes (apdu/README.md, Commands), which only an RSA key of 2048 bits makes.
bool has_usable_key(const Certificate& certificate) noexcept {
    return certificate.key.type == KeyType::rsa && certificate.key.bits == 8 * signature_size;
}

}  // namespace

// Public bytes of the authentication certificate serve as the card's face when the application must be selected again.
void Card::remember_start(Ef ef, const Bytes& data) {
    if (ef != Ef::authentication_certificate || !authentication_start_.empty()) return;
    authentication_read_with_pin_ = verified_[index_of(Role::authentication)];
    authentication_start_.assign(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(std::min(data.size(), Command::le_max)));
}

void Card::forget_file(Ef ef) {
    files_[slot_of(ef)] = {};
    file_known_[slot_of(ef)] = false;
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

CertificateFile Card::file(Ef ef) {
    return run([&](Scope& scope) -> CertificateFile {
        const std::size_t slot = slot_of(ef);
        if (file_known_[slot]) return files_[slot];
        // A search that met a logout: the card may still show it, but nobody is logged in to see it.
        for (const Role role : all_roles)
            if (facts_of(role).certificate == ef && certificate_wants_pin(role) && !verified_[index_of(role)])
                return {FileAnswer::Kind::locked, nullptr};
        if (!selected_) reselect(scope);
        for (;;) {
            FileAnswer answer;
            std::shared_ptr<const Certificate> certificate;
            try {
                const bool started = ef == Ef::authentication_certificate && !authentication_start_.empty();
                answer = scope.applet().read_certificate(ef, started ? authentication_start_ : Bytes());
                // A READ that hit another application's file is caught here.
                if (answer.kind == FileAnswer::Kind::read) certificate = parse_certificate(answer.data);
                if (answer.kind == FileAnswer::Kind::read && !(certificate && has_usable_key(*certificate)))
                    answer.kind = FileAnswer::Kind::malformed;
            } catch (const TransportFault&) {
                throw;
            } catch (const CardFault&) {
                if (selected_now_) throw;
                answer.kind = FileAnswer::Kind::malformed;
            }
            if (answer.kind == FileAnswer::Kind::read) {
                remember_start(ef, answer.data);
                if (ef == Ef::authentication_certificate) look_for_phone(scope);
                files_[slot] = {FileAnswer::Kind::read, std::move(certificate)};
                file_known_[slot] = true;
                return files_[slot];
            }
            if (!selected_now_) {
                // Not what was meant: perhaps another application's file. Asked again where it is certain who answers.
                reselect(scope);
                continue;
            }
            if (answer.kind == FileAnswer::Kind::malformed) throw CardFault("a certificate file holds no certificate");
            // A file that wants a PIN is there; it is asked again after the login.
            if (answer.kind == FileAnswer::Kind::absent) file_known_[slot] = true;
            if (answer.kind == FileAnswer::Kind::locked && ef == Ef::authentication_certificate) authentication_locked_ = true;
            // A login that opens nothing is none.
            if (answer.kind == FileAnswer::Kind::locked)
                for (const Role role : all_roles)
                    if (facts_of(role).certificate == ef) verified_[index_of(role)] = false;
            return files_[slot] = {answer.kind, nullptr};
        }
    });
}

FileAnswer Card::read_existence(Scope& scope, Existence& said) {
    said = {};
    FileAnswer answer = scope.applet().read_start(Ef::existence, 3);
    if (answer.kind == FileAnswer::Kind::read && answer.data.size() >= 2) {
        said[index_of(Role::signature)] = answer.data[0] == exists;
        said[index_of(Role::authentication)] = answer.data[1] == exists;
    }
    return answer;
}

// Asked for certain: what another application's file says must not make a role vanish, and neither must a bit that was flipped
// on the way. That a role is not there is believed when it was read twice.
Card::Existence Card::existence(Scope& scope) {
    if (existence_) return *existence_;
    confirm_selected(scope);
    Existence said;
    const FileAnswer answer = read_existence(scope, said);
    if (std::find(said.begin(), said.end(), std::optional<bool>(false)) != said.end()) {
        Existence again;
        read_existence(scope, again);
        for (std::size_t role = 0; role < said.size(); ++role)
            if (again[role] != std::optional<bool>(false)) said[role] = again[role];
    }
    // A card that says 9000 to everything has no application at all. Ours has bytes in EF 0006, or no such file.
    if (answer.success_without_data && scope.applet().read_start(Ef::token_information, TokenInformation::size).success_without_data) {
        log_.info("the card says 9000 to everything: not a card of ours");
        foreign_ = true;
        recognised_ = selected_ = selected_now_ = false;
        return said;
    }
    existence_ = said;
    for (const Role role : all_roles) absent_[index_of(role)] = said[index_of(role)] == std::optional<bool>(false);
    roles_known_ = true;
    return said;
}

std::optional<bool> Card::says_it_has(Role role) {
    const auto known = [&] {
        return existence_ ? std::optional<std::optional<bool>>((*existence_)[index_of(role)]) : std::nullopt;
    };
    return known_or_run(known, [&](Scope& scope) { return existence(scope)[index_of(role)]; });
}

const std::optional<TokenInformation>& Card::token_information(Scope& scope) {
    if (!token_information_) {
        confirm_selected(scope);
        if (token_information_) return *token_information_;
        const FileAnswer answer = scope.applet().read_start(Ef::token_information, TokenInformation::size);
        token_information_.emplace(answer.kind == FileAnswer::Kind::read ? parse_token_information(answer.data) : std::nullopt);
    }
    return *token_information_;
}

std::optional<TokenInformation> Card::token_information() {
    return run([&](Scope& scope) { return token_information(scope); });
}

// Whoever is logged in is shown a phone's certificate as if it were public; what the card says of itself tells.
void Card::look_for_phone(Scope& scope) {
    if (!authentication_read_with_pin_ || authentication_locked_) return;
    try {
        const auto& information = token_information(scope);
        if (information && information->is_phone()) authentication_locked_ = true;
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());  // the certificate is good all the same
    }
}

void Card::look_at_authentication_certificate(Scope& scope) {
    if (!authentication_start_.empty()) return;
    confirm_selected(scope);
    const FileAnswer start = scope.applet().read_start(Ef::authentication_certificate, Command::le_max);
    std::size_t total = 0;
    if (start.kind == FileAnswer::Kind::read && examine_head(start.data, total) == FileHead::certificate)
        remember_start(Ef::authentication_certificate, start.data);
    if (start.kind == FileAnswer::Kind::locked) authentication_locked_ = true;
    look_for_phone(scope);
}

bool Card::certificate_is_public() {
    const auto known = [&] {
        return authentication_start_.empty() ? std::nullopt : std::optional<bool>(!authentication_locked_);
    };
    return known_or_run(known, [&](Scope& scope) {
        look_at_authentication_certificate(scope);
        return !authentication_start_.empty() && !authentication_locked_;
    });
}

const Bytes& Card::identity(Scope& scope) {
    if (!identity_.empty()) return identity_;
    look_at_authentication_certificate(scope);
    identity_ = authentication_start_;
    if (identity_.empty()) {
        // No authentication certificate, or one that wants the PIN (a phone): what else is public.
        for (const Ef ef : {Ef::token_information, Ef::authentication_ca, Ef::signature_ca}) {
            const FileAnswer part = scope.applet().read_start(ef, ef == Ef::token_information ? TokenInformation::size : Command::le_max);
            identity_.insert(identity_.end(), part.data.begin(), part.data.end());
        }
        if (identity_.empty()) identity_.push_back(0);
    }
    return identity_;
}

Bytes Card::identity() {
    const auto known = [&] { return identity_.empty() ? std::nullopt : std::optional<Bytes>(identity_); };
    return known_or_run(known, [&](Scope& scope) -> Bytes { return identity(scope); });
}

}  // namespace jpki
