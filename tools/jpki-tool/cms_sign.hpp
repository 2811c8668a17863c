// Signing with the card, as CMS.
#pragma once

#include "cms_build.hpp"
#include "cms_judge.hpp"
#include "command.hpp"
#include "login.hpp"

namespace jpki::tool {

// The card's signature over one SHA-256, and its certificates. Not verified yet.
struct CardSignature {
    std::shared_ptr<const Certificate> certificate;
    Bytes ca;  // DER; empty if the card has none
    Bytes attributes, value;
    TimePoint time{};

    CmsFrame frame(std::optional<std::uint64_t> content_size) const {
        return cms_frame(*certificate, ca, attributes, value, content_size);
    }
};

// Throws Failure(not_on_card, pin_blocked, last_try_withheld) if `use` cannot sign, before any PIN entry.
void check_card_can_sign(Context& context, OpenCard& card, KeyUse use);

// Asks for the PIN, which is sent once; reads the certificates, signs and resets the security status, in one transaction. Throws
// Failure, also for a certificate that is not valid now.
CardSignature sign_with_card(Context& context, OpenCard& card, KeyUse use, ByteView sha256, const std::string& purpose);

// Checks the signature as verify does, with the CA certificate of the card. Throws Failure(failure) unless it is valid.
void check_own_signature(const CardSignature& signature, const ContentDigests& digests);

}  // namespace jpki::tool
