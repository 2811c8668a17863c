// A certificate of the card as OpenSSL reads it.
#pragma once

#include "dates.hpp"
#include "known_cas.hpp"

#include "apdu/bytes.hpp"
#include "apdu/key_use.hpp"

#include <memory>
#include <optional>
#include <string>

#include <openssl/x509.h>

namespace jpki::tool {

// Deletes with the function named; for OpenSSL's objects.
template <auto function> struct Freer {
    template <class T> void operator()(T* object) const noexcept { function(object); }
};
using X509Pointer = std::unique_ptr<X509, Freer<X509_free>>;

class CertificateView {
public:
    // No value for bytes that are not exactly one X.509 certificate.
    static std::optional<CertificateView> parse(ByteView der);

    const Bytes& der() const noexcept { return der_; }
    X509* x509() const noexcept { return x509_.get(); }

    TimePoint not_before() const noexcept { return not_before_; }
    TimePoint not_after() const noexcept { return not_after_; }
    bool valid_at(TimePoint time) const noexcept { return not_before_ <= time && time <= not_after_; }
    Bytes subject_key_id() const;  // empty if the extension is missing
    Bytes authority_key_id() const;
    std::string sha256() const;           // of the DER, upper-case hexadecimal
    std::string key_description() const;  // "RSA-2048", "EC P-384"

    // Whether the key of `issuer` made the signature of this certificate.
    bool issued_by(const CertificateView& issuer) const;

private:
    Bytes der_;
    X509Pointer x509_;
    TimePoint not_before_, not_after_;
};

// Who issued a holder's certificate.
enum class CaVerdict {
    known,       // the CA of J-LIS with this key identifier; its fingerprint was compared if it is known
    not_known,   // no CA of J-LIS that this program knows
    contradicts  // has the key identifier of a CA of J-LIS, but is another certificate
};
struct CaJudgement {
    CaVerdict verdict = CaVerdict::not_known;
    const KnownCa* known = nullptr;
    bool issued_by_card_ca = false;  // the CA certificate on the card made the signature
};
// `ca`: the CA certificate of the same key on the card, or NULL.
CaJudgement judge_issuer(KeyUse use, const CertificateView& holder, const CertificateView* ca);
// The same for a CA certificate itself.
CaJudgement judge_ca(KeyUse use, const CertificateView& ca);

}  // namespace jpki::tool
