#include "cms_chain.hpp"

#include "i18n.hpp"

#include <algorithm>

#include <openssl/x509_vfy.h>

namespace jpki::tool {

namespace {

using Stack = std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)>;

// 112 bits (RSA-2048, SHA-256) for every certificate but the trusted one.
constexpr int security_level = 2;

const KnownCa* known_by_fingerprint(const CertificateView& certificate, std::span<const KnownCa> known) {
    const std::string fingerprint = certificate.sha256();
    const auto found =
        std::ranges::find_if(known, [&](const KnownCa& ca) { return !ca.sha256.empty() && ca.sha256 == fingerprint; });
    return found == known.end() ? nullptr : &*found;
}

const KnownCa* known_by_key(ByteView key_id, std::span<const KnownCa> known) {
    const std::string wanted = hex(key_id);
    const auto found =
        std::ranges::find_if(known, [&](const KnownCa& ca) { return !ca.key_id.empty() && wanted.starts_with(ca.key_id); });
    return found == known.end() ? nullptr : &*found;
}

bool leads_to(const CertificateView& signer, STACK_OF(X509) * included, const CertificateView& anchor,
              std::vector<CertificateView>& path) {
    const std::unique_ptr<X509_STORE, Freer<X509_STORE_free>> store(X509_STORE_new());
    const std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
    if (!store || !context || X509_STORE_add_cert(store.get(), anchor.x509()) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), signer.x509(), included) != 1)
        throw std::bad_alloc();
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_auth_level(parameters, security_level);
    if (X509_verify_cert(context.get()) != 1) return false;
    const STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 1; i < sk_X509_num(chain); ++i) {
        unsigned char* out = nullptr;
        const int size = i2d_X509(sk_X509_value(chain, i), &out);
        const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(out, [](unsigned char* p) { OPENSSL_free(p); });
        auto view = size > 0 ? CertificateView::parse({out, static_cast<std::size_t>(size)}) : std::nullopt;
        if (!view) return false;
        path.push_back(std::move(*view));
    }
    return true;
}

std::string why_not(const CertificateView& signer, const std::vector<CertificateView>& included, const Trust& trust) {
    if (!trust.anchors.empty()) return _("no chain to the CA given by --ca");
    const Bytes key_id = signer.authority_key_id();
    const KnownCa* const named = known_by_key(key_id, trust.known);
    if (named == nullptr) return _("the CA is none of J-LIS that this program knows (--ca gives another one)");
    const std::string generation = std::to_string(named->generation);
    if (named->sha256.empty())
        return fill(_("the key identifier is that of the J-LIS CA of generation {0}, whose certificate this program does not "
                      "know; give it by --ca"),
                    {generation});
    const bool there = std::ranges::any_of(included, [&](const CertificateView& ca) { return ca.subject_key_id() == key_id; });
    return there ? fill(_("it names the J-LIS CA of generation {0}, but the CA certificate included is another one, or did not "
                          "sign it"),
                        {generation})
                 : fill(_("the certificate of the J-LIS CA of generation {0} is not included; give it by --ca"), {generation});
}

}  // namespace

Chain find_chain(const CertificateView& signer, const std::vector<CertificateView>& included, const Trust& trust) {
    const Stack stack(sk_X509_new_null(), [](STACK_OF(X509) * s) { sk_X509_free(s); });
    for (const CertificateView& certificate : included)
        if (!stack || sk_X509_push(stack.get(), certificate.x509()) <= 0) throw std::bad_alloc();
    Chain result;
    const auto try_anchor = [&](const CertificateView& anchor) {
        result.good = leads_to(signer, stack.get(), anchor, result.certificates);
        if (!result.good) result.certificates.clear();
        return result.good;
    };
    if (!trust.anchors.empty()) {
        if (std::ranges::any_of(trust.anchors, try_anchor)) result.text = _("to the CA given by --ca");
    } else {
        for (const CertificateView& certificate : included) {
            const KnownCa* const known = known_by_fingerprint(certificate, trust.known);
            if (known == nullptr || !try_anchor(certificate)) continue;
            result.known = known;
            result.text = fill(_("to the CA of J-LIS, generation {0} ({1} to {2})"),
                               {std::to_string(known->generation), std::string(known->from), std::string(known->to)});
            break;
        }
    }
    if (!result.good) result.text = why_not(signer, included, trust);
    return result;
}

}  // namespace jpki::tool
