// Judging the signers of a CMS SignedData (RFC 5652, 5.6; ETSI EN 319 122-1; RFC 5035 for signing-certificate-v2).
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

// NULL for what OpenSSL does not take for one CMS SignedData.
CmsPointer parse_cms(ByteView structure);

// Whom to believe. A known CA counts only where its fingerprint is known and fits: a key identifier alone can be copied.
struct Trust {
    std::vector<CertificateView> anchors;  // given by the user: then no other
    std::span<const KnownCa> known;
};

enum class Aspect {
    certificate,  // the signer's is there
    digest,       // of the content, by an algorithm that may be relied on
    signature,
    signing_certificate,  // signing-certificate(-v2) names the signer's certificate
    key_usage,
    chain,
    time  // the stated signing time, against the validity of the certificates
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
    const KnownCa* known = nullptr;         // the known CA that the chain ends at

    bool good() const noexcept;
    // The same, `aspect` not considered.
    bool good_but_for(Aspect aspect) const noexcept;
};

// Every signer, in the order of the SET. `digests` has seen the content. Empty for a SignedData that nobody signed.
std::vector<SignerJudgement> judge_signers(CMS_ContentInfo& cms, const ContentDigests& digests, const Trust& trust,
                                           TimePoint now);

// Makes `digests` want what the signers of a detached SignedData need.
void want_digests_of_signers(CMS_ContentInfo& cms, ContentDigests& digests);

// The certificate's subject on one line, fit to be shown.
std::string subject_of(const CertificateView& certificate);

const char* name_of(Aspect aspect) noexcept;  // as --json gives it
std::string shown_name(Aspect aspect);

}  // namespace jpki::tool
