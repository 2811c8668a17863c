// CardFiles: the certificates.
#include "apdu/card_files.hpp"
#include "apdu/errors.hpp"

#include <algorithm>
#include <utility>

namespace jpki {

// Public bytes of the authentication certificate identify the card when the application must be selected again.
void CardFiles::remember_start(Ef ef, const Bytes& data) {
    if (ef != Ef::authentication_certificate || !authentication_start_.empty()) return;
    authentication_read_with_pin_ = status_.verified(KeyUse::authentication);
    authentication_start_.assign(data.begin(),
                                 data.begin() + static_cast<std::ptrdiff_t>(std::min(data.size(), Command::le_max)));
}

void CardFiles::forget_file(Ef ef) {
    files_[certificate_slot(ef)] = {};
    file_known_[certificate_slot(ef)] = false;
}

CertificateFile CardFiles::certificate_file(CardScope& scope, KeyUse use, Ef ef) {
    read_file(scope, use, ef);
    check_chain(scope, use);
    return files_[certificate_slot(ef)];
}

// One attempt. Malformed: the data is not a certificate, or a fault occurred while another application may be selected.
FileAnswer CardFiles::read_and_parse(CardScope& scope, Ef ef, std::shared_ptr<const Certificate>& certificate) {
    FileAnswer answer;
    try {
        const bool started = ef == Ef::authentication_certificate && !authentication_start_.empty();
        answer = scope.applet().read_certificate(ef, started ? authentication_start_ : Bytes());
        // Detects a READ BINARY of another application's file.
        if (answer.kind == FileAnswer::Kind::read && !(certificate = parse_certificate(answer.data)))
            answer.kind = FileAnswer::Kind::malformed;
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault&) {
        if (scope.certain()) throw;
        answer.kind = FileAnswer::Kind::malformed;
    }
    return answer;
}

void CardFiles::keep_file(CardScope& scope, KeyUse use, Ef ef, std::shared_ptr<const Certificate> certificate) {
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

// Puts the file into files_, unless it is present.
void CardFiles::read_file(CardScope& scope, KeyUse use, Ef ef) {
    const std::size_t slot = certificate_slot(ef);
    if (file_known_[slot]) return;
    const bool of_holder = ef == facts_of(use).certificate;
    if (of_holder && certificate_wants_pin(use) && !status_.verified(use)) {
        files_[slot] = {FileAnswer::Kind::locked, nullptr};
        return;
    }
    if (!scope.selected()) scope.reselect();
    std::shared_ptr<const Certificate> certificate;
    FileAnswer answer = read_and_parse(scope, ef, certificate);
    if (answer.kind != FileAnswer::Kind::read && !scope.certain()) {
        // Unexpected data: perhaps another application's file. Read again with the application certainly selected.
        scope.reselect();
        answer = read_and_parse(scope, ef, certificate);
    } else if (answer.kind == FileAnswer::Kind::malformed) {
        answer = read_and_parse(scope, ef, certificate);  // perhaps corrupted in transfer
    }
    if (answer.kind == FileAnswer::Kind::read) return keep_file(scope, use, ef, std::move(certificate));
    if (answer.kind == FileAnswer::Kind::malformed) throw UnusableFile("certificate file contains no certificate");
    // The file exists and needs a PIN; it is read again after the login.
    if (answer.kind == FileAnswer::Kind::absent) file_known_[slot] = true;
    if (answer.kind == FileAnswer::Kind::locked && ef == Ef::authentication_certificate) authentication_locked_ = true;
    // A login after which the file cannot be read is not a login.
    if (answer.kind == FileAnswer::Kind::locked && of_holder) status_.log_out(use);
    files_[slot] = {answer.kind, nullptr};
}

// The certificates of `use` are read again at the next use.
void CardFiles::doubt_certificates(KeyUse use) {
    forget_file(facts_of(use).certificate);
    forget_file(facts_of(use).ca);
    if (use != KeyUse::authentication) return;
    authentication_start_.clear();
    identity_.clear();
}

bool CardFiles::chain_fits(KeyUse use) const {
    const auto& holder = files_[certificate_slot(facts_of(use).certificate)].certificate;
    const auto& ca = files_[certificate_slot(facts_of(use).ca)].certificate;
    return chain_check_(*ca, *ca) && (!holder || (holder->der != ca->der && chain_check_(*holder, *ca)));
}

// With the CA certificate cached, checking that a certificate is unchanged costs no command: a bit that
// flipped in transfer, or a file of another application, must not be returned. A card whose certificates do not
// match would still be a card: two equal reads are accepted.
void CardFiles::check_chain(CardScope& scope, KeyUse use) {
    const CertificateFile& holder = files_[certificate_slot(facts_of(use).certificate)];
    const CertificateFile& ca = files_[certificate_slot(facts_of(use).ca)];
    auto& chained = chained_[index_of(use)];
    if (!chain_check_ || !ca.certificate || chained == (holder.certificate ? holder.certificate : ca.certificate)) return;
    if (!chain_fits(use)) {
        const auto holder_before = holder.certificate, ca_before = ca.certificate;
        log_.error("certificate and CA certificate do not match; reading them again");
        // Until they were read without a fault nothing is signed without a check.
        certificates_doubted_[index_of(use)] = true;
        doubt_certificates(use);
        scope.reselect();
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

void CardFiles::forget_certificate(KeyUse use) {
    forget_file(facts_of(use).certificate);
    chained_[index_of(use)].reset();
    if (use != KeyUse::authentication) return;
    authentication_start_.clear();
    authentication_read_with_pin_ = false;
}

}  // namespace jpki
