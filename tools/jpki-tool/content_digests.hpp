// The digests of a content that goes by once, for all signers of it.
#pragma once

#include "cms_reader.hpp"

#include <memory>
#include <set>

#include <openssl/bio.h>

namespace jpki::tool {

// Whether a digest is one that a signature may still rest on: SHA-2 or SHA-3 of 256 bits or more.
bool is_strong_digest(int nid) noexcept;

class ContentDigests final : public ContentTaker {
public:
    ContentDigests();

    // Digests that are not strong are left out: nothing is to be judged by them.
    void want(int nid);
    void begin(ByteView digest_algorithms) override;  // wants every algorithm whose OBJECT IDENTIFIER is in there
    void take(ByteView piece) override;

    // A chain of BIO_f_md, as CMS_SignerInfo_verify_content(3) takes it.
    BIO* chain() const noexcept { return chain_.get(); }
    // The digest of what was taken so far; empty when it was not wanted.
    Bytes digest(int nid) const;

private:
    std::unique_ptr<BIO, void (*)(BIO*)> chain_;
    std::set<int> wanted_;
};

}  // namespace jpki::tool
