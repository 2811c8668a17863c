// What Card reads, and keeps for as long as the card stays. Nothing goes to disk.
#include "apdu/card_scope.hpp"
#include "apdu/certificate_file.hpp"

#include <algorithm>
#include <utility>

namespace jpki {

namespace {

// EF 0008, byte 0 signature, byte 1 authentication; 8F: there (apdu/README.md, Files).
constexpr std::uint8_t exists = 0x8F;

}  // namespace

// Public bytes of the authentication certificate serve as the card's face when the application must be selected again.
void Card::remember_start(Ef ef, const Bytes& data) {
    if (ef != Ef::authentication_certificate || !authentication_start_.empty()) return;
    authentication_read_with_pin_ = status_.verified(KeyUse::authentication);
    authentication_start_.assign(data.begin(),
                                 data.begin() + static_cast<std::ptrdiff_t>(std::min(data.size(), Command::le_max)));
}

void Card::forget_file(Ef ef) {
    files_[certificate_slot(ef)] = {};
    file_known_[certificate_slot(ef)] = false;
}

// --- certificates ----------------------------------------------------------------------------------------------------

// A search that met a logout: the card may still show a certificate that wants the PIN, but nobody is logged in to see it.
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
    return run([&](Scope& scope) {
        read_file(scope, use, ef);
        check_chain(scope, use);
        return files_[certificate_slot(ef)];
    });
}

// One attempt. Malformed: what was read is no certificate, or was a fault while another application may be selected.
FileAnswer Card::read_and_parse(Scope& scope, Ef ef, std::shared_ptr<const Certificate>& certificate) {
    FileAnswer answer;
    try {
        const bool started = ef == Ef::authentication_certificate && !authentication_start_.empty();
        answer = scope.applet().read_certificate(ef, started ? authentication_start_ : Bytes());
        // A READ that hit another application's file is caught here.
        if (answer.kind == FileAnswer::Kind::read && !(certificate = parse_certificate(answer.data)))
            answer.kind = FileAnswer::Kind::malformed;
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault&) {
        if (scope.exchange().certain(*this)) throw;
        answer.kind = FileAnswer::Kind::malformed;
    }
    return answer;
}

void Card::keep_file(Scope& scope, KeyUse use, Ef ef, std::shared_ptr<const Certificate> certificate) {
    const bool of_holder = ef == facts_of(use).certificate;
    const bool odd = of_holder ? !has_key_of_card(*certificate) : certificate->key.type == KeyType::other;
    if (odd && !std::exchange(told_odd_[certificate_slot(ef)], true))
        log_.error(std::string(name_of(use)) + (of_holder ? "" : " CA") +
                   " certificate has an unsupported key type; its private key is not offered");
    remember_start(ef, certificate->der);
    if (ef == Ef::authentication_certificate) look_for_phone(scope);
    files_[certificate_slot(ef)] = {FileAnswer::Kind::read, std::move(certificate)};
    file_known_[certificate_slot(ef)] = true;
}

// Puts the file into files_, unless it is there.
void Card::read_file(Scope& scope, KeyUse use, Ef ef) {
    const std::size_t slot = certificate_slot(ef);
    if (file_known_[slot]) return;
    const bool of_holder = ef == facts_of(use).certificate;
    if (of_holder && certificate_wants_pin(use) && !status_.verified(use)) {
        files_[slot] = {FileAnswer::Kind::locked, nullptr};
        return;
    }
    if (!scope.exchange().selected(*this)) reselect(scope);
    std::shared_ptr<const Certificate> certificate;
    FileAnswer answer = read_and_parse(scope, ef, certificate);
    if (answer.kind != FileAnswer::Kind::read && !scope.exchange().certain(*this)) {
        // Not what was meant: perhaps another application's file. Asked again where it is certain who answers.
        reselect(scope);
        answer = read_and_parse(scope, ef, certificate);
    } else if (answer.kind == FileAnswer::Kind::malformed) {
        answer = read_and_parse(scope, ef, certificate);  // perhaps it was spoilt on the way
    }
    if (answer.kind == FileAnswer::Kind::read) return keep_file(scope, use, ef, std::move(certificate));
    if (answer.kind == FileAnswer::Kind::malformed) throw UnusableFile("certificate file contains no certificate");
    // A file that wants a PIN is there; it is asked again after the login.
    if (answer.kind == FileAnswer::Kind::absent) file_known_[slot] = true;
    if (answer.kind == FileAnswer::Kind::locked && ef == Ef::authentication_certificate) authentication_locked_ = true;
    // A login that opens nothing is none.
    if (answer.kind == FileAnswer::Kind::locked && of_holder) status_.log_out(use);
    files_[slot] = {answer.kind, nullptr};
}

// What was read of the certificates of `use` is read again at the next use.
void Card::doubt_certificates(KeyUse use) {
    forget_file(facts_of(use).certificate);
    forget_file(facts_of(use).ca);
    if (use != KeyUse::authentication) return;
    authentication_start_.clear();
    identity_.clear();
}

bool Card::chain_fits(KeyUse use) const {
    const auto& holder = files_[certificate_slot(facts_of(use).certificate)].certificate;
    const auto& ca = files_[certificate_slot(facts_of(use).ca)].certificate;
    return chain_check_(*ca, *ca) && (!holder || (holder->der != ca->der && chain_check_(*holder, *ca)));
}

// Where the CA's certificate is in memory it costs nothing to see that a certificate came as its issuer made it: a bit that
// was flipped on the way, or a file of another application, must not be served. A card whose certificates do not fit
// together would still be a card: what it says twice is what it has.
void Card::check_chain(Scope& scope, KeyUse use) {
    const CertificateFile& holder = files_[certificate_slot(facts_of(use).certificate)];
    const CertificateFile& ca = files_[certificate_slot(facts_of(use).ca)];
    auto& chained = chained_[index_of(use)];
    if (!chain_check_ || !ca.certificate || chained == (holder.certificate ? holder.certificate : ca.certificate)) return;
    if (!chain_fits(use)) {
        const auto holder_before = holder.certificate, ca_before = ca.certificate;
        log_.error("certificate and CA certificate do not match; reading them again");
        // Until they were read in order nothing is signed without a check.
        certificates_doubted_[index_of(use)] = true;
        doubt_certificates(use);
        reselect(scope);
        read_file(scope, use, facts_of(use).ca);
        if (holder_before) read_file(scope, use, facts_of(use).certificate);
        const auto same = [](const std::shared_ptr<const Certificate>& one, const std::shared_ptr<const Certificate>& two) {
            return one ? two && one->der == two->der : !two;
        };
        const bool twice_the_same = same(ca.certificate, ca_before) && same(holder.certificate, holder_before);
        if (!twice_the_same && (!ca.certificate || !chain_fits(use))) {
            doubt_certificates(use);
            throw CardFault("certificate and CA certificate do not match, and two reads differ");
        }
    }
    certificates_doubted_[index_of(use)] = false;
    chained = holder.certificate ? holder.certificate : ca.certificate;
}

// --- other files -----------------------------------------------------------------------------------------------------

FileAnswer Card::read_existence(Scope& scope, Existence& said) {
    said = {};
    FileAnswer answer = scope.applet().read_start(Ef::existence, 3);
    if (answer.kind == FileAnswer::Kind::read && answer.data.size() >= 2) {
        said[index_of(KeyUse::signature)] = answer.data[0] == exists;
        said[index_of(KeyUse::authentication)] = answer.data[1] == exists;
    }
    return answer;
}

// Asked for certain: what another application's file says must not make a key vanish, and neither must a bit that was flipped
// on the way. That a key is not there is believed when it was read twice.
Card::Existence Card::existence(Scope& scope) {
    if (existence_) return *existence_;
    confirm_selected(scope);
    Existence said;
    const FileAnswer answer = read_existence(scope, said);
    if (std::find(said.begin(), said.end(), std::optional<bool>(false)) != said.end()) {
        Existence again;
        read_existence(scope, again);
        for (std::size_t use = 0; use < said.size(); ++use)
            if (again[use] != std::optional<bool>(false)) said[use] = again[use];
    }
    // A card that says 9000 to everything has no application at all. Ours has bytes in EF 0006, or no such file.
    if (answer.success_without_data &&
        scope.applet().read_start(Ef::token_information, TokenInformation::size).success_without_data) {
        log_.info("not a JPKI card: it answers 9000 to every command");
        foreign_ = true;
        recognised_ = false;
        scope.exchange().deselect();
        return said;
    }
    existence_ = said;
    for (const KeyUse use : all_key_uses) absent_[index_of(use)] = said[index_of(use)] == std::optional<bool>(false);
    keys_known_ = true;
    return said;
}

// What is malformed may have been spoilt on the way: it is not remembered.
std::optional<TokenInformation> Card::token_information(Scope& scope) {
    if (token_information_) return *token_information_;
    confirm_selected(scope);
    if (token_information_) return *token_information_;
    const FileAnswer answer = scope.applet().read_start(Ef::token_information, TokenInformation::size);
    auto information = answer.kind == FileAnswer::Kind::read ? parse_token_information(answer.data) : std::nullopt;
    if (information || answer.kind == FileAnswer::Kind::absent) token_information_.emplace(information);
    return information;
}

std::optional<TokenInformation> Card::token_information() {
    if (const auto known = this->known(); known->token_information) return *known->token_information;
    return run([&](Scope& scope) { return token_information(scope); });
}

// After a login a phone's certificate reads as if it were public; what the card says of itself tells them apart.
void Card::look_for_phone(Scope& scope) {
    if (!authentication_read_with_pin_ || authentication_locked_) return;
    try {
        const auto information = token_information(scope);
        if (information && information->is_phone()) authentication_locked_ = true;
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault& fault) {
        log_.info(fault.what());  // the certificate is good all the same
    }
}

}  // namespace jpki
