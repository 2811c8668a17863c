#include "apdu/card_files.hpp"

#include "apdu/certificate_file.hpp"
#include "apdu/errors.hpp"

#include <algorithm>
#include <utility>

namespace jpki {

namespace {

// EF 0008, byte 0 signature, byte 1 authentication; 8F: exists (apdu/README.md, Files).
constexpr std::uint8_t exists = 0x8F;

}  // namespace

FileAnswer CardFiles::read_existence(CardScope& scope, Existence& said) {
    said = {};
    FileAnswer answer = scope.applet().read_start(Ef::existence, 3);
    if (answer.kind == FileAnswer::Kind::read && answer.data.size() >= 2) {
        said[index_of(KeyUse::signature)] = answer.data[0] == exists;
        said[index_of(KeyUse::authentication)] = answer.data[1] == exists;
    }
    return answer;
}

// Read with the application certainly selected: another application's file must not hide a key, and neither must a bit that
// flipped in transfer. A missing key is accepted after two reads.
CardFiles::Existence CardFiles::existence(CardScope& scope) {
    if (existence_) return *existence_;
    scope.confirm_selected();
    Existence said;
    const FileAnswer answer = read_existence(scope, said);
    if (std::find(said.begin(), said.end(), std::optional<bool>(false)) != said.end()) {
        Existence again;
        read_existence(scope, again);
        for (std::size_t use = 0; use < said.size(); ++use)
            if (again[use] != std::optional<bool>(false)) said[use] = again[use];
    }
    // A card that answers 9000 to every command has no application at all. Ours has bytes in EF 0006, or no such file.
    if (answer.success_without_data &&
        scope.applet().read_start(Ef::token_information, TokenInformation::size).success_without_data) {
        log_.info("not a JPKI card: it answers 9000 to every command");
        foreign_ = true;
        scope.exchange().deselect();
        return said;
    }
    existence_ = said;
    for (const KeyUse use : all_key_uses) absent_[index_of(use)] = said[index_of(use)] == std::optional<bool>(false);
    keys_known_ = true;
    return said;
}

// Malformed data may have been corrupted in transfer: it is not cached.
std::optional<TokenInformation> CardFiles::token_information(CardScope& scope) {
    if (token_information_) return *token_information_;
    scope.confirm_selected();
    if (token_information_) return *token_information_;
    const FileAnswer answer = scope.applet().read_start(Ef::token_information, TokenInformation::size);
    auto information = answer.kind == FileAnswer::Kind::read ? parse_token_information(answer.data) : std::nullopt;
    if (information || answer.kind == FileAnswer::Kind::absent) token_information_.emplace(information);
    return information;
}

// After a login a phone's certificate reads like a public one; EF 0006 distinguishes them.
void CardFiles::look_for_phone(CardScope& scope) {
    if (!authentication_read_with_pin_ || authentication_locked_) return;
    try {
        const auto information = token_information(scope);
        if (information && information->is_phone()) authentication_locked_ = true;
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());  // the certificate is valid nevertheless
    }
}

// A missing key is accepted after two reads (existence() does so for EF 0008).
bool CardFiles::has_key(CardScope& scope, KeyUse use) {
    auto& has = has_key_[index_of(use)];
    if (has) return *has;
    if (foreign_) return false;
    std::optional<bool> said = existence(scope)[index_of(use)];
    if (foreign_) return false;
    if (!said) said = file_is_there(scope, use) || file_is_there(scope, use);
    has = said;
    absent_[index_of(use)] = !*said;
    return *said;
}

// Whether there is a certificate of the holder for `use`, or a file that needs the PIN.
bool CardFiles::file_is_there(CardScope& scope, KeyUse use) {
    if (use == KeyUse::authentication) {
        look_at_authentication_certificate(scope);
        return !authentication_start_.empty() || authentication_locked_;
    }
    scope.confirm_selected();
    const FileAnswer start = scope.applet().read_start(facts_of(use).certificate, 4);
    std::size_t total = 0;
    return start.kind == FileAnswer::Kind::locked ||
           (start.kind == FileAnswer::Kind::read && examine_head(start.data, total) != FileHead::nothing);
}

void CardFiles::look_at_authentication_certificate(CardScope& scope) {
    if (!authentication_start_.empty() || authentication_locked_) return;
    scope.confirm_selected();
    const FileAnswer start = scope.applet().read_start(Ef::authentication_certificate, Command::le_max);
    std::size_t total = 0;
    if (start.kind == FileAnswer::Kind::read && examine_head(start.data, total) == FileHead::certificate)
        remember_start(Ef::authentication_certificate, start.data);
    if (start.kind == FileAnswer::Kind::locked) authentication_locked_ = true;
    look_for_phone(scope);
}

const Bytes& CardFiles::identity(CardScope& scope) {
    if (!identity_.empty()) return identity_;
    look_at_authentication_certificate(scope);
    if (authentication_read_with_pin_ && !authentication_locked_) {
        const auto information = token_information(scope);  // a fault is not a result
        authentication_locked_ = information && information->is_phone();
    }
    if (!authentication_locked_) identity_ = authentication_start_;
    if (!identity_.empty()) return identity_;
    // No authentication certificate, or one that needs the PIN, with or without a login (a phone): other public data.
    Bytes identity;
    scope.confirm_selected();
    for (const Ef ef : {Ef::token_information, Ef::authentication_ca, Ef::signature_ca}) {
        const FileAnswer part =
            scope.applet().read_start(ef, ef == Ef::token_information ? TokenInformation::size : Command::le_max);
        identity.insert(identity.end(), part.data.begin(), part.data.end());
    }
    if (identity.empty()) identity.push_back(0);
    identity_ = std::move(identity);
    return identity_;
}

void CardFiles::keep(const TokenInformation& information) {
    if (!token_information_) token_information_.emplace(information);
}

void CardFiles::existence_failed() noexcept {
    // A call that needs a file finds out by reading it.
    if (++existence_failures_ == 2) keys_known_ = true;
}

bool CardFiles::certificate_is_public(CardScope& scope) {
    look_at_authentication_certificate(scope);
    return !authentication_start_.empty() && !authentication_locked_;
}

void CardFiles::publish(CardKnown& known) const {
    known.has_key = has_key_;
    known.existence_says_nothing = existence_ && !(*existence_)[0] && !(*existence_)[1];
    known.identity = identity_;
    known.token_information = token_information_;
    if (authentication_locked_) known.certificate_is_public = false;
    else if (!authentication_start_.empty()) known.certificate_is_public = true;
    for (std::size_t slot = 0; slot < files_.size(); ++slot)
        if (file_known_[slot]) known.files[slot] = files_[slot];
    known.certificates_doubted = certificates_doubted_;
}

}  // namespace jpki
