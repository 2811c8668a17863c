// The certificates of a token, and what they say of its key.
#include "apdu/errors.hpp"
#include "module/insertion.hpp"
#include "module/token.hpp"

#include <string>

namespace jpki {

std::shared_ptr<const Certificate> Token::usable_certificate() {
    auto certificate = this->certificate();
    return certificate && has_key_of_card(*certificate) ? certificate : nullptr;
}

std::optional<KeyType> Token::known_key_type() {
    // Both keys of a card have the same type; the other's certificate may be the only readable one.
    for (const KeyUse use : {use_, other(use_)})
        if (const auto certificate = card().known_certificate(use); certificate && has_key_of_card(*certificate))
            return certificate->key.type;
    return std::nullopt;
}

KeyType Token::key_type() {
    if (const auto known = known_key_type()) return *known;
    if (const auto information = card().token_information(); information && information->model_has_pss()) return usual_key_type;
    try {
        card().certificate(KeyUse::authentication);
    } catch (const UnusableFile&) {
        // tells nothing
    }
    return known_key_type().value_or(usual_key_type);
}

bool Token::has_key_of(KeyType type) {
    if (const auto known = known_key_type()) return *known == type;
    return type == usual_key_type || key_type() == type;
}

// The certificate that an object's values are of: for a key one that belongs to it. May read the card.
std::shared_ptr<const Certificate> Token::certificate_of(ObjectKind kind) {
    return kind == ObjectKind::ca_certificate ? ca_certificate() : is_key(kind) ? usable_certificate() : certificate();
}

// The certificate that checks a signature before it is returned. The signature key's is read if needed, and so is that of
// an authentication key whose certificates did not match; otherwise that one's is used if it is cached (module/README.md,
// own check).
std::shared_ptr<const Certificate> Token::certificate_to_check_with() {
    const bool doubted = card().certificates_doubted(use_);
    if (use_ == KeyUse::authentication && !doubted) return card().known_certificate(use_);
    if (doubted) ca_certificate();
    auto certificate = this->certificate();
    if (!certificate && !card().verified(use_)) throw Error{CKR_USER_NOT_LOGGED_IN};
    if (!certificate) throw CardFault(std::string("cannot check the signature: no ") + name_of(use_) + " certificate");
    return certificate;
}

}  // namespace jpki
