// The key and its mechanisms.
#include "module/token.hpp"

#include "module/insertion.hpp"

namespace jpki {

// Kept here too: an attribute of it must not wait for another program's transaction. Not past a logout that came between.
void Token::keep(const CertificateFile& file, std::size_t logouts_before, std::shared_ptr<const Certificate>& kept) {
    const std::scoped_lock lock(mutex_);
    if (!kept && logouts_ == logouts_before) kept = file.certificate;
}

std::shared_ptr<const Certificate> Token::kept_or_read(std::shared_ptr<const Certificate>& kept, CertificateFile (Card::*read)(Role)) {
    std::size_t before = 0;
    {
        const std::scoped_lock lock(mutex_);
        if (kept) return kept;
        before = logouts_;
    }
    keep((card().*read)(role_), before, kept);
    check_chain();
    const std::scoped_lock lock(mutex_);
    return kept;
}

std::shared_ptr<const Certificate> Token::certificate() { return kept_or_read(certificate_, &Card::certificate); }

std::shared_ptr<const Certificate> Token::ca_certificate() { return kept_or_read(ca_certificate_, &Card::ca_certificate); }

// Where the CA's certificate is in memory it costs nothing to see that a certificate came as its issuer made it: a bit that
// was flipped on the way, or a file of another application, must not be served. A card whose certificates do not fit
// together would still be a card: what it says twice is what it has.
void Token::check_chain() {
    std::shared_ptr<const Certificate> holder, ca;
    const auto take = [&] {
        const std::scoped_lock lock(mutex_);
        holder = certificate_;
        ca = ca_certificate_;
        return ca && (holder ? chained_ != holder : chained_ != ca);
    };
    const auto fits = [&] {
        return services_.crypto.issued_by(*ca, *ca) && (!holder || (holder->der != ca->der && services_.crypto.issued_by(*holder, *ca)));
    };
    if (!take()) return;
    if (!fits()) {
        const auto holder_before = holder, ca_before = ca;
        services_.log.error("the certificates do not fit together; they are read again");
        card().doubt_certificates(role_);
        std::size_t before = 0;
        {
            const std::scoped_lock lock(mutex_);
            ca_certificate_.reset();
            certificate_.reset();
            before = logouts_;
        }
        keep(card().ca_certificate(role_), before, ca_certificate_);
        if (holder_before) keep(card().certificate(role_), before, certificate_);
        take();
        const bool same = ca && ca->der == ca_before->der && !holder == !holder_before && (!holder || holder->der == holder_before->der);
        if (!same && (!ca || !fits())) {
            card().doubt_certificates(role_);
            const std::scoped_lock lock(mutex_);
            ca_certificate_.reset();
            certificate_.reset();
            throw CardFault("the certificates do not fit together, and are not twice the same");
        }
    }
    const std::scoped_lock lock(mutex_);
    chained_ = holder ? holder : ca;
}

bool Token::pss() {
    {
        const std::scoped_lock lock(mutex_);
        if (pss_) return *pss_;
    }
    bool offered = services_.settings.pss == Settings::Pss::on;
    if (services_.settings.pss == Settings::Pss::automatic) offered = card().has_pss(role_);
    const std::scoped_lock lock(mutex_);
    if (!pss_) pss_ = offered;
    return *pss_;
}

void Token::withdraw_pss() {
    const std::scoped_lock lock(mutex_);
    pss_ = false;
}

bool Token::offers(CK_MECHANISM_TYPE type) {
    const MechanismFacts* facts = find_mechanism(type);
    return facts && (facts->form != SignForm::pss_sha256 || pss());
}

std::vector<CK_MECHANISM_TYPE> Token::mechanisms() {
    std::vector<CK_MECHANISM_TYPE> types;
    for (const MechanismFacts& facts : all_mechanisms())
        if (offers(facts.type)) types.push_back(facts.type);
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

Bytes Token::sign(SignForm form, ByteView data) {
    require(logged_in(), CKR_USER_NOT_LOGGED_IN);
    // The signature key's public key is always at hand to check with, even if nobody asked for the certificate.
    std::shared_ptr<const Certificate> check;
    if (role_ == Role::signature) {
        check = certificate();
        if (!check && !card().verified(role_)) throw Error{CKR_USER_NOT_LOGGED_IN};
        if (!check) throw CardFault("no signature certificate to check a signature with");
    } else {
        const std::scoped_lock lock(mutex_);
        check = certificate_;
    }
    SignAnswer answer = card().sign(role_, form, data);
    switch (answer.kind) {
    case SignAnswer::Kind::done: break;
    case SignAnswer::Kind::not_verified:
        services_.log.info(std::string("the card does not honour the ") + name_of(role_) + " login any more");
        throw Error{CKR_USER_NOT_LOGGED_IN};
    case SignAnswer::Kind::form_unknown:
        for (const Role role : all_roles) insertion_.token(role).withdraw_pss();
        services_.log.error("this card does not have PSS; it is not offered any more");
        throw Error{CKR_FUNCTION_FAILED};
    case SignAnswer::Kind::elsewhere: throw CardFault("the card does not know its own key");
    }
    const bool good = !check || (form == SignForm::pss_sha256 ? services_.crypto.verify_pss_sha256(*check, data, answer.signature)
                                                              : services_.crypto.verify_pkcs1(*check, data, answer.signature));
    if (!good) throw CardFault("the card's signature does not match its certificate; it is not handed out");
    return std::move(answer.signature);
}

}  // namespace jpki
