#include "certificate_view.hpp"

#include <cstring>
#include <ctime>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

namespace jpki::tool {

namespace {

std::optional<TimePoint> time_of(const ASN1_TIME* time) {
    std::tm utc{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &utc) != 1) return std::nullopt;
    return TimePoint(std::chrono::seconds(::timegm(&utc)));
}

Bytes bytes_of(const ASN1_OCTET_STRING* string) {
    if (string == nullptr) return {};
    const auto* data = ASN1_STRING_get0_data(string);
    return {data, data + ASN1_STRING_length(string)};
}

}  // namespace

std::optional<CertificateView> CertificateView::parse(ByteView der) {
    const unsigned char* at = der.data();
    CertificateView view;
    view.x509_.reset(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!view.x509_ || at != der.data() + der.size()) return std::nullopt;
    const auto from = time_of(X509_get0_notBefore(view.x509()));
    const auto to = time_of(X509_get0_notAfter(view.x509()));
    if (!from || !to) return std::nullopt;
    view.not_before_ = *from;
    view.not_after_ = *to;
    view.der_.assign(der.begin(), der.end());
    return view;
}

Bytes CertificateView::subject_key_id() const { return bytes_of(X509_get0_subject_key_id(x509())); }
Bytes CertificateView::authority_key_id() const { return bytes_of(X509_get0_authority_key_id(x509())); }

std::string CertificateView::sha256() const {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(der_.data(), der_.size(), digest, &size, EVP_sha256(), nullptr) != 1) return {};
    return hex({digest, size});
}

std::string CertificateView::key_description() const {
    const EVP_PKEY* key = X509_get0_pubkey(x509());
    if (key == nullptr) return "?";
    char group[64] = "";
    if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1) return std::string("EC ") + group;
    const char* type = EVP_PKEY_get0_type_name(key);
    return std::string(type == nullptr ? "?" : type) + "-" + std::to_string(EVP_PKEY_get_bits(key));
}

bool CertificateView::issued_by(const CertificateView& issuer) const {
    EVP_PKEY* key = X509_get0_pubkey(issuer.x509());
    return key != nullptr && X509_verify(x509(), key) == 1;
}

CaJudgement judge_ca(KeyUse use, const CertificateView& ca) {
    CaJudgement result;
    result.known = find_known_ca(use, ca.subject_key_id());
    if (result.known == nullptr) return result;
    const bool same = result.known->sha256.empty() || result.known->sha256 == ca.sha256();
    result.verdict = same ? CaVerdict::known : CaVerdict::contradicts;
    return result;
}

CaJudgement judge_issuer(KeyUse use, const CertificateView& holder, const CertificateView* ca) {
    CaJudgement result;
    result.known = find_known_ca(use, holder.authority_key_id());
    if (ca != nullptr) {
        result.issued_by_card_ca = holder.issued_by(*ca);
        if (result.known != nullptr && ca->subject_key_id() == holder.authority_key_id()) {
            result.verdict = judge_ca(use, *ca).verdict;
            if (result.verdict == CaVerdict::known && !result.issued_by_card_ca) result.verdict = CaVerdict::contradicts;
            return result;
        }
    }
    if (result.known != nullptr) result.verdict = CaVerdict::known;
    return result;
}

}  // namespace jpki::tool
