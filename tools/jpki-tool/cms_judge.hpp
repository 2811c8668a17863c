// Checks the signers of a CMS SignedData (RFC 5652, 5.6; ETSI EN 319 122-1; RFC 5035 for signing-certificate-v2).
#pragma once

#include "certificate_view.hpp"
#include "content_digests.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <openssl/cms.h>

namespace jpki::tool {

using CmsPointer = std::unique_ptr<CMS_ContentInfo, Freer<CMS_ContentInfo_free>>;

// NULL if OpenSSL does not accept the bytes as one CMS SignedData.
CmsPointer parse_cms(ByteView structure);

// The trusted CAs. A known CA counts only if its fingerprint is known and matches: a key identifier alone can be copied.
struct Trust {
    std::vector<CertificateView> anchors;  // given by the user: then no other CA is trusted
    std::span<const KnownCa> known;
};

enum class Aspect {
    certificate,  // the signer's certificate is present
    digest,       // of the content, by a strong algorithm
    signature,
    signing_certificate,  // signing-certificate(-v2) names the signer's certificate
    key_usage,
    chain,
    time  // the stated signing time, compared with the validity of the certificates
};
struct Finding {
    Aspect aspect;
    bool good = false;
    std::string text;  // in the user's language
};
struct SignerJudgement {
    std::optional<CertificateView> certificate;
    std::vector<Finding> findings;
    std::optional<TimePoint> signing_time;  // as the signer states it
    const KnownCa* known = nullptr;         // the known CA at the end of the chain

    bool good() const noexcept;
    // The same, without `aspect`.
    bool good_but_for(Aspect aspect) const noexcept;
};

// Every signer, in the order of the SET. `digests` has processed the content. Empty for a SignedData without signers.
std::vector<SignerJudgement> judge_signers(CMS_ContentInfo& cms, const ContentDigests& digests, const Trust& trust,
                                           TimePoint now);

// Adds the algorithms that the signers of a detached SignedData need to `digests`.
void want_digests_of_signers(CMS_ContentInfo& cms, ContentDigests& digests);

// The certificate's subject on one line, sanitised for display.
std::string subject_of(const CertificateView& certificate);

const char* name_of(Aspect aspect) noexcept;  // as --json gives it
std::string shown_name(Aspect aspect);

}  // namespace jpki::tool
