#include "module/operations.hpp"

namespace jpki {

Input::Input(const Crypto& crypto, const MechanismFacts& mechanism) : mechanism_(mechanism) {
    if (mechanism.hash) digest_.emplace(crypto, *mechanism.hash);
}

void Input::update(ByteView data) {
    if (digest_) return digest_->update(data);
    require(data.size() <= scheme().data_max - data_.size(), CKR_DATA_LEN_RANGE);
    data_.insert(data_.end(), data.begin(), data.end());
}

Bytes Input::finish() {
    if (digest_) data_ = digest_->finish();
    require(data_.size() >= scheme().data_min, CKR_DATA_LEN_RANGE);
    return scheme().encode(mechanism_.hash, std::move(data_));
}

void SignOperation::consent(const unsigned char* pin, CK_ULONG length) { token_.consent(pin, length, session_); }

Bytes SignOperation::sign() {
    // The token decides: a logout in between has ended the consent, and another session's is not this one's.
    require(!token_.needs_consent_each() || token_.has_consent(session_), CKR_USER_NOT_LOGGED_IN);
    Bytes signature = token_.sign(input.scheme(), input.finish());
    token_.end_consent(session_);
    return signature;
}

void VerifyOperation::verify(ByteView signature) {
    require(signature.size() == input.scheme().signature_size, CKR_SIGNATURE_LEN_RANGE);
    const Bytes data = input.finish();
    require(crypto_.verify(input.scheme(), certificate_->key, data, signature), CKR_SIGNATURE_INVALID);
}

}  // namespace jpki
