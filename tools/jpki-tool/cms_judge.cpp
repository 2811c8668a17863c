#include "cms_judge.hpp"

#include "cms_chain.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include "apdu/openssl_errors.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <openssl/ess.h>
#include <openssl/x509v3.h>

namespace jpki::tool {

namespace {

using Stack = std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)>;

// How far a signer's clock may be ahead of ours.
constexpr std::chrono::minutes clock_tolerance{5};

std::optional<CertificateView> view_of(X509* certificate) {
    unsigned char* out = nullptr;
    const int size = certificate == nullptr ? 0 : i2d_X509(certificate, &out);
    auto view = size > 0 ? CertificateView::parse({out, static_cast<std::size_t>(size)}) : std::nullopt;
    OPENSSL_free(out);
    return view;
}

int digest_of(CMS_SignerInfo& signer) {
    X509_ALGOR* algorithm = nullptr;
    const ASN1_OBJECT* object = nullptr;
    CMS_SignerInfo_get0_algs(&signer, nullptr, nullptr, &algorithm, nullptr);
    X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
    return OBJ_obj2nid(object);
}

Finding judge_digest(CMS_SignerInfo& signer, const ContentDigests& digests, bool has_attributes,
                     const ASN1_OBJECT* content_type) {
    const int nid = digest_of(signer);
    const auto finding = [](bool good, const std::string& text) { return Finding{Aspect::digest, good, text}; };
    const char* const name = nid == NID_undef ? "?" : OBJ_nid2ln(nid);
    if (!is_strong_digest(nid)) return finding(false, fill(_("{0} is not accepted as a digest for signatures"), {name}));
    const Bytes digest = digests.digest(nid);
    if (digest.empty()) return finding(false, fill(_("the signature does not list its digest algorithm ({0})"), {name}));
    if (!has_attributes) return finding(true, std::string(name) + ": " + hex(digest));
    const auto* const stated = static_cast<const ASN1_OCTET_STRING*>(
        CMS_signed_get0_data_by_OBJ(&signer, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING));
    const bool same = stated != nullptr && static_cast<std::size_t>(ASN1_STRING_length(stated)) == digest.size() &&
                      std::equal(digest.begin(), digest.end(), ASN1_STRING_get0_data(stated));
    if (!same) return finding(false, _("another content was signed: the digests differ"));
    const auto* const type = static_cast<const ASN1_OBJECT*>(
        CMS_signed_get0_data_by_OBJ(&signer, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT));
    if (type == nullptr || OBJ_cmp(type, content_type) != 0) return finding(false, _("a content of another type was signed"));
    return finding(true, std::string(name) + ": " + hex(digest));
}

Finding judge_signature(CMS_SignerInfo& signer, const ContentDigests& digests, bool has_attributes) {
    // With signed attributes the signature is over those, and judge_digest has compared the digest in them; without, it is over
    // the content.
    const bool good = has_attributes
                          ? CMS_SignerInfo_verify(&signer) == 1
                          : is_strong_digest(digest_of(signer)) && CMS_SignerInfo_verify_content(&signer, digests.chain()) == 1;
    return {Aspect::signature, good,
            good ? _("made with the key of this certificate") : _("not made with the key of this certificate, or damaged")};
}

// The value of an attribute that may occur once; NULL if it is absent, `malformed` if it is present in another form.
template <class T> std::unique_ptr<T, void (*)(T*)> sequence_attribute(CMS_SignerInfo& signer, int nid,
                                                                       T* (*d2i)(T**, const unsigned char**, long),
                                                                       void (*release)(T*), bool& malformed) {
    std::unique_ptr<T, void (*)(T*)> value(nullptr, release);
    const int at = CMS_signed_get_attr_by_NID(&signer, nid, -1);
    if (at < 0) return value;
    X509_ATTRIBUTE* const attribute = CMS_signed_get_attr(&signer, at);
    const ASN1_TYPE* const type = X509_ATTRIBUTE_count(attribute) == 1 ? X509_ATTRIBUTE_get0_type(attribute, 0) : nullptr;
    if (type != nullptr && type->type == V_ASN1_SEQUENCE && CMS_signed_get_attr_by_NID(&signer, nid, at) < 0) {
        const unsigned char* from = ASN1_STRING_get0_data(type->value.sequence);
        value.reset(d2i(nullptr, &from, ASN1_STRING_length(type->value.sequence)));
    }
    malformed = malformed || !value;
    return value;
}

std::optional<Finding> judge_signing_certificate(CMS_SignerInfo& signer, const CertificateView& certificate,
                                                 const std::vector<CertificateView>& included, const Chain& chain) {
    bool malformed = false;
    const auto v2 = sequence_attribute<ESS_SIGNING_CERT_V2>(signer, NID_id_smime_aa_signingCertificateV2, d2i_ESS_SIGNING_CERT_V2,
                                                            ESS_SIGNING_CERT_V2_free, malformed);
    const auto v1 = sequence_attribute<ESS_SIGNING_CERT>(signer, NID_id_smime_aa_signingCertificate, d2i_ESS_SIGNING_CERT,
                                                         ESS_SIGNING_CERT_free, malformed);
    if (!v1 && !v2 && !malformed) return std::nullopt;
    const Stack all(sk_X509_new_null(), [](STACK_OF(X509) * s) { sk_X509_free(s); });
    const auto push = [&](const CertificateView& one) {
        if (!all || sk_X509_push(all.get(), one.x509()) <= 0) throw std::bad_alloc();
    };
    push(certificate);
    for (const auto* const list : {&chain.certificates, &included})
        for (const CertificateView& one : *list) push(one);
    const bool good = !malformed && OSSL_ESS_check_signing_certs(v1.get(), v2.get(), all.get(), 1) == 1;
    return Finding{Aspect::signing_certificate, good,
                   good ? _("the signature names this certificate") : _("the signature names another certificate")};
}

Finding judge_key_usage(const CertificateView& certificate) {
    // Without the extension every bit is set (X509_get_key_usage(3)).
    const bool good = (X509_get_key_usage(certificate.x509()) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0;
    return {Aspect::key_usage, good, good ? _("for signatures") : _("the key of this certificate is not for signatures")};
}

// The signing-time attribute; `stated` distinguishes a malformed one from an absent one.
std::optional<TimePoint> signing_time_of(CMS_SignerInfo& signer, bool& stated) {
    stated = CMS_signed_get_attr_by_NID(&signer, NID_pkcs9_signingTime, -1) >= 0;
    for (const int type : {V_ASN1_UTCTIME, V_ASN1_GENERALIZEDTIME}) {
        const auto* const time =
            static_cast<const ASN1_TIME*>(CMS_signed_get0_data_by_OBJ(&signer, OBJ_nid2obj(NID_pkcs9_signingTime), -3, type));
        std::tm utc{};
        if (time != nullptr && ASN1_TIME_to_tm(time, &utc) == 1) return TimePoint(std::chrono::seconds(::timegm(&utc)));
    }
    return std::nullopt;
}

Finding judge_time(CMS_SignerInfo& signer, SignerJudgement& judgement, const Chain& chain, TimePoint now) {
    bool stated = false;
    judgement.signing_time = signing_time_of(signer, stated);
    const auto finding = [](bool good, const std::string& text) { return Finding{Aspect::time, good, text}; };
    if (stated && !judgement.signing_time) return finding(false, _("the signing time cannot be read"));
    const TimePoint time = judgement.signing_time.value_or(now);
    const std::string when = judgement.signing_time ? fill(_("signed at {0}, as the signer states"), {iso(time)})
                                                    : std::string(_("no signing time is stated, so this moment counts"));
    if (time > now + clock_tolerance) return finding(false, when + ": " + _("that is in the future"));
    const auto outside = [&](const CertificateView& certificate) { return !certificate.valid_at(time); };
    if (outside(*judgement.certificate))
        return finding(false, when + ": " +
                                  fill(_("the certificate was valid from {0} to {1}"),
                                       {iso(judgement.certificate->not_before()), iso(judgement.certificate->not_after())}));
    const auto ca = std::ranges::find_if(chain.certificates, outside);
    if (ca != chain.certificates.end())
        return finding(false, when + ": " +
                                  fill(_("the certificate of the CA was valid from {0} to {1}"),
                                       {iso(ca->not_before()), iso(ca->not_after())}));
    return finding(true, when);
}

SignerJudgement judge(CMS_SignerInfo& signer, const ASN1_OBJECT* content_type, const std::vector<CertificateView>& included,
                      const ContentDigests& digests, const Trust& trust, TimePoint now) {
    SignerJudgement judgement;
    const bool has_attributes = CMS_signed_get_attr_count(&signer) >= 0;
    X509* certificate = nullptr;
    CMS_SignerInfo_get0_algs(&signer, nullptr, &certificate, nullptr, nullptr);
    judgement.certificate = view_of(certificate);
    std::vector<Finding>& findings = judgement.findings;
    if (!judgement.certificate) {
        findings.push_back({Aspect::certificate, false, _("the signer's certificate is not included, or cannot be read")});
        findings.push_back(judge_digest(signer, digests, has_attributes, content_type));
        return judgement;
    }
    const Chain chain = find_chain(*judgement.certificate, included, trust);
    judgement.known = chain.known;
    findings.push_back(judge_digest(signer, digests, has_attributes, content_type));
    findings.push_back(judge_signature(signer, digests, has_attributes));
    if (auto finding = judge_signing_certificate(signer, *judgement.certificate, included, chain))
        findings.push_back(std::move(*finding));
    findings.push_back(judge_key_usage(*judgement.certificate));
    findings.push_back({Aspect::chain, chain.good, chain.text});
    findings.push_back(judge_time(signer, judgement, chain, now));
    return judgement;
}

std::vector<CertificateView> views_of(STACK_OF(X509) * certificates) {
    std::vector<CertificateView> views;
    for (int i = 0; i < sk_X509_num(certificates); ++i)
        if (auto view = view_of(sk_X509_value(certificates, i))) views.push_back(std::move(*view));
    return views;
}

}  // namespace

CmsPointer parse_cms(ByteView structure) {
    const OpensslErrors errors;
    const unsigned char* at = structure.data();
    CmsPointer cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(structure.size())));
    if (cms && (at != structure.data() + structure.size() || OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed))
        cms.reset();
    return cms;
}

bool SignerJudgement::good() const noexcept { return !findings.empty() && std::ranges::all_of(findings, &Finding::good); }

bool SignerJudgement::good_but_for(Aspect aspect) const noexcept {
    return !findings.empty() &&
           std::ranges::all_of(findings, [&](const Finding& one) { return one.good || one.aspect == aspect; });
}

void want_digests_of_signers(CMS_ContentInfo& cms, ContentDigests& digests) {
    STACK_OF(CMS_SignerInfo)* const signers = CMS_get0_SignerInfos(&cms);
    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); ++i) digests.want(digest_of(*sk_CMS_SignerInfo_value(signers, i)));
}

std::vector<SignerJudgement> judge_signers(CMS_ContentInfo& cms, const ContentDigests& digests, const Trust& trust,
                                           TimePoint now) {
    const OpensslErrors errors;
    const Stack certificates(CMS_get1_certs(&cms), [](STACK_OF(X509) * s) { sk_X509_pop_free(s, X509_free); });
    const std::vector<CertificateView> included = views_of(certificates.get());
    const Stack given(sk_X509_new_null(), [](STACK_OF(X509) * s) { sk_X509_free(s); });
    for (const CertificateView& anchor : trust.anchors)
        if (!given || sk_X509_push(given.get(), anchor.x509()) <= 0) throw std::bad_alloc();
    CMS_set1_signers_certs(&cms, given.get(), 0);
    STACK_OF(CMS_SignerInfo)* const signers = CMS_get0_SignerInfos(&cms);
    std::vector<SignerJudgement> result;
    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); ++i)
        result.push_back(judge(*sk_CMS_SignerInfo_value(signers, i), CMS_get0_eContentType(&cms), included, digests, trust, now));
    return result;
}

std::string subject_of(const CertificateView& certificate) {
    const std::unique_ptr<BIO, Freer<BIO_free_all>> bio(BIO_new(BIO_s_mem()));
    if (!bio ||
        X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate.x509()), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) < 0)
        return "?";
    const char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return printable(std::string_view(data, static_cast<std::size_t>(size)));
}

const char* name_of(Aspect aspect) noexcept {
    static constexpr std::array names = {"certificate", "digest", "signature", "signing-certificate",
                                         "key-usage",   "chain",  "time"};
    return names[static_cast<std::size_t>(aspect)];
}

std::string shown_name(Aspect aspect) {
    switch (aspect) {
    case Aspect::certificate: return _("Certificate");
    case Aspect::digest: return _("Content");
    case Aspect::signature: return _("Signature");
    case Aspect::signing_certificate: return _("Signing certificate");
    case Aspect::key_usage: return _("Key usage");
    case Aspect::chain: return _("Chain");
    default: return _("Signing time");
    }
}

}  // namespace jpki::tool
