// The key and its mechanisms.
#include "module/token.hpp"

#include "apdu/errors.hpp"
#include "module/insertion.hpp"

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

bool Token::pss() {
    switch (services_.settings.pss) {
    case Settings::Pss::on: return !card().known_to_lack_pss();
    case Settings::Pss::off: return false;
    default: return card().has_pss(use_);
    }
}

bool Token::offers(CK_MECHANISM_TYPE type) {
    const MechanismFacts* facts = find_mechanism(type);
    return facts && has_key_of(facts->scheme.key_type) && (facts->scheme.every_card || pss());
}

std::vector<CK_MECHANISM_TYPE> Token::mechanisms() {
    const KeyType type = key_type();
    std::vector<CK_MECHANISM_TYPE> types;
    for (const MechanismFacts& facts : all_mechanisms())
        if (facts.scheme.key_type == type && (facts.scheme.every_card || pss())) types.push_back(facts.type);
    return types;
}

ObjectKind Token::require_some_key(CK_OBJECT_HANDLE key) {
    ObjectKind kind{};
    try {
        kind = object(key);
    } catch (const Error&) {
        throw Error{CKR_KEY_HANDLE_INVALID};
    }
    require(is_key(kind), CKR_KEY_HANDLE_INVALID);
    return kind;
}

void Token::require_key(CK_OBJECT_HANDLE key, ObjectKind kind, CK_MECHANISM_TYPE mechanism) {
    require(require_some_key(key) == kind, CKR_KEY_FUNCTION_NOT_PERMITTED);
    require(offers(mechanism), CKR_MECHANISM_INVALID);
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

Bytes Token::sign(const SignatureScheme& scheme, ByteView data) {
    require(logged_in(), CKR_USER_NOT_LOGGED_IN);
    const auto check = certificate_to_check_with();
    SignAnswer answer = card().sign(use_, scheme, data);
    switch (answer.kind) {
    case SignAnswer::Kind::done: break;
    case SignAnswer::Kind::not_verified:
        services_.log.info(std::string(name_of(use_)) + " login lost: card answered 6982");
        throw Error{CKR_USER_NOT_LOGGED_IN};
    case SignAnswer::Kind::scheme_unknown:
        services_.log.error("card rejected PSS (6A86); PSS mechanisms withdrawn");
        throw Error{CKR_FUNCTION_FAILED};
    case SignAnswer::Kind::elsewhere: throw CardFault("card does not find its private key");
    }
    const bool good = !check || services_.crypto.verify(scheme, check->key, data, answer.signature);
    if (!good) throw CardFault("signature does not verify with the card's certificate; not returned");
    return std::move(answer.signature);
}

}  // namespace jpki
