// The key and its mechanisms.
#include "module/token.hpp"

#include "apdu/errors.hpp"
#include "module/insertion.hpp"

namespace jpki {

bool Token::pss() {
    switch (services_.settings.pss) {
    case Settings::Pss::on: return !card().known_to_lack_pss();
    case Settings::Pss::off: return false;
    default: return card().has_pss(use_);
    }
}

// A scheme that every card has is no reason to ask this one for PSS.
bool Token::has_scheme(const SignatureScheme& scheme) { return scheme.every_card || pss(); }

std::vector<CK_MECHANISM_TYPE> Token::mechanisms() {
    const KeyType type = key_type();
    std::vector<CK_MECHANISM_TYPE> types;
    for (const MechanismFacts& facts : all_mechanisms())
        if (facts.scheme.key_type == type && has_scheme(facts.scheme)) types.push_back(facts.type);
    return types;
}

bool Token::lists(CK_MECHANISM_TYPE type) {
    const MechanismFacts* facts = find_mechanism(type);
    return facts && facts->scheme.key_type == key_type() && has_scheme(facts->scheme);
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

void Token::require_key(CK_OBJECT_HANDLE key, ObjectKind kind, const SignatureScheme& scheme) {
    require(require_some_key(key) == kind, CKR_KEY_FUNCTION_NOT_PERMITTED);
    require(has_key_of(scheme.key_type) && has_scheme(scheme), CKR_MECHANISM_INVALID);
}

Bytes Token::sign(const SignatureScheme& scheme, ByteView data) {
    require(logged_in(), CKR_USER_NOT_LOGGED_IN);
    const auto check = certificate_to_check_with();
    SignAnswer answer = card().sign(use_, scheme, data);
    switch (answer.kind) {
    case SignAnswer::Kind::done: break;
    case SignAnswer::Kind::not_verified:
        services_.log.info(std::string(name_of(use_)) + " login lost before the signature");
        throw Error{CKR_USER_NOT_LOGGED_IN};
    case SignAnswer::Kind::scheme_unknown:
        services_.log.error("card rejected PSS (6A86); PSS mechanisms withdrawn");
        throw Error{CKR_FUNCTION_FAILED};
    case SignAnswer::Kind::elsewhere: throw CardFault("card answered that the private key does not exist");
    }
    const bool good = !check || services_.crypto.verify(scheme, check->key, data, answer.signature);
    if (!good) throw CardFault("signature does not verify with the card's certificate; not returned");
    return std::move(answer.signature);
}

}  // namespace jpki
