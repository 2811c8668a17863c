// What a certificate's issuer signed, and how (RFC 5280, 4.1.1.2).
#include "apdu/certificate.hpp"
#include "apdu/public_key_info.hpp"
#include "apdu/signature_check.hpp"

namespace jpki {

bool is_signed_by(const CryptoContext& context, const Certificate& certificate, const Certificate& issuer) {
    const SignatureAlgorithm* algorithm = find_signature_algorithm(certificate.signature_algorithm);
    if (!algorithm || algorithm->key_type != issuer.key.type) return false;
    const Bytes digest = context.hash(algorithm->hash, certificate.signed_part());
    return algorithm->verify(context, issuer.key, algorithm->hash, digest, certificate.signature);
}

}  // namespace jpki
