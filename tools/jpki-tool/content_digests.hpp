// The digests of a content that is read once, for all its signers.
#pragma once

#include "cms_reader.hpp"

#include <memory>
#include <set>

#include <openssl/bio.h>

namespace jpki::tool {

// Whether a digest is still strong enough for a signature: SHA-2 or SHA-3 of 256 bits or more.
bool is_strong_digest(int nid) noexcept;

class ContentDigests final : public ContentTaker {
public:
    ContentDigests();

    // Weak digests are left out: nothing is verified with them.
    void want(int nid);
    void begin(ByteView digest_algorithms) override;  // adds every algorithm whose OBJECT IDENTIFIER is in the SET
    void take(ByteView piece) override;

    // A chain of BIO_f_md, as CMS_SignerInfo_verify_content(3) expects it.
    BIO* chain() const noexcept { return chain_.get(); }
    // The digest of the bytes so far; empty if it was not added.
    Bytes digest(int nid) const;

private:
    std::unique_ptr<BIO, void (*)(BIO*)> chain_;
    std::set<int> wanted_;
};

}  // namespace jpki::tool
