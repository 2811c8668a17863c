#include "cms_sign.hpp"

#include "card_report.hpp"
#include "i18n.hpp"

#include "apdu/signature_check.hpp"

#include <openssl/evp.h>

namespace jpki::tool {

namespace {

Bytes ca_on_card(OpenCard& card, KeyUse use, const Certificate& signer) {
    const CertificateFile ca = card->ca_certificate(use);
    if (ca.kind != FileAnswer::Kind::read) return {};
    const auto view = CertificateView::parse(ca.certificate->der), holder = CertificateView::parse(signer.der);
    if (!view || !holder || !holder->issued_by(*view))
        throw Failure(Exit::failure,
                      _("The CA certificate on the card did not issue the certificate on the card. Nothing was signed."));
    return ca.certificate->der;
}

std::shared_ptr<const Certificate> certificate_for_signing(OpenCard& card, KeyUse use, TimePoint time) {
    const CertificateFile file = card->certificate(use);
    if (file.kind != FileAnswer::Kind::read) throw Failure(Exit::not_on_card, fill(_("The card has no {0}."), {key_title(use)}));
    if (file.certificate->key.type != KeyType::rsa)
        throw Failure(Exit::failure, _("The key of this card is not RSA; this version cannot sign with it."));
    const auto view = CertificateView::parse(file.certificate->der);
    if (!view) throw Failure(Exit::failure, _("The file on the card is not a certificate."));
    if (!view->valid_at(time))
        throw Failure(
            Exit::failure,
            fill(_("The certificate is valid from {0} to {1} only: a signature made now would not be valid. Nothing was signed."),
                 {shown(japan_date(view->not_before())), shown(japan_date(view->not_after()))}));
    return file.certificate;
}

Bytes sha256_of(ByteView bytes) {
    Bytes digest(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("SHA-256 failed");
    digest.resize(size);
    return digest;
}

}  // namespace

void check_card_can_sign(Context& context, OpenCard& card, KeyUse use) {
    if (!on_card([&] { return card->has_key(use); }))
        throw Failure(Exit::not_on_card, fill(_("The card has no {0}."), {key_title(use)}));
    tries_before_asking(context, card, use);
}

CardSignature sign_with_card(Context& context, OpenCard& card, KeyUse use, ByteView sha256, const std::string& purpose) {
    const auto source = make_pin_source(context.pin, context.output, context.signals);
    // In a transaction: no command of another program comes between the PIN and the signature.
    log_in(context, card, use, *source, purpose, [] { return true; });
    context.output.progress(_("Signing ..."));
    CardSignature result;
    result.time = now();
    on_card([&] {
        result.certificate = certificate_for_signing(card, use, result.time);
        result.ca = ca_on_card(card, use, *result.certificate);
        result.attributes = signed_attributes(*result.certificate, sha256, result.time);
        context.signals.check();
        const SignAnswer answer = card->sign(use, rsa_pkcs1, digest_info(Hash::sha256, sha256_of(result.attributes)));
        card->reset_security_status();
        if (answer.kind != SignAnswer::Kind::done) throw Failure(Exit::failure, _("The card did not sign."));
        result.value = answer.signature;
    });
    context.output.progress({});
    return result;
}

void check_own_signature(const CardSignature& signature, const ContentDigests& digests) {
    const CmsFrame frame = signature.frame(std::nullopt);
    Bytes structure = frame.before;
    structure.insert(structure.end(), frame.after.begin(), frame.after.end());
    Trust trust;
    if (auto ca = CertificateView::parse(signature.ca)) trust.anchors.push_back(std::move(*ca));
    const CmsPointer cms = parse_cms(structure);
    const auto signers = cms ? judge_signers(*cms, digests, trust, now()) : std::vector<SignerJudgement>{};
    const bool good = signers.size() == 1 && (trust.anchors.empty() ? signers[0].good_but_for(Aspect::chain) : signers[0].good());
    if (good) return;
    std::string reasons;
    for (const SignerJudgement& signer : signers)
        for (const Finding& finding : signer.findings)
            if (!finding.good) reasons += " " + shown_name(finding.aspect) + ": " + finding.text + ".";
    throw Failure(Exit::failure, _("The signature that the card made does not verify; it was not written.") + reasons);
}

}  // namespace jpki::tool
