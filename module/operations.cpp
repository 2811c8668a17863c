#include "module/operations.hpp"

namespace jpki {

namespace {

constexpr std::size_t pss_digest_size = 32;

}  // namespace

Input::Input(const Crypto& crypto, const MechanismFacts& mechanism) : mechanism_(mechanism) {
    if (mechanism.hash) digest_.emplace(crypto, *mechanism.hash);
}

void Input::update(ByteView data) {
    if (digest_) return digest_->update(data);
    const std::size_t most = mechanism_.scheme == SignatureScheme::pss_sha256 ? pss_digest_size : pkcs1_data_max;
    require(data.size() <= most - data_.size(), CKR_DATA_LEN_RANGE);
    data_.insert(data_.end(), data.begin(), data.end());
}

Bytes Input::finish() {
    if (digest_) data_ = digest_->finish();
    if (mechanism_.scheme == SignatureScheme::pss_sha256) require(data_.size() == pss_digest_size, CKR_DATA_LEN_RANGE);
    else if (mechanism_.hash) data_ = Crypto::digest_info(*mechanism_.hash, data_);
    require(!data_.empty(), CKR_DATA_LEN_RANGE);  // the card signs 1..245 bytes (apdu/README.md, P1 table)
    return std::move(data_);
}

void SignOperation::consent(const unsigned char* pin, CK_ULONG length) {
    token_.consent(pin, length, session_);
    consented_ = true;
}

void SignOperation::end_consent() noexcept {
    if (consented_) token_.end_consent(session_);
    consented_ = false;
}

Bytes SignOperation::sign() {
    // The token decides: a logout in between has ended the consent, and another session's is not ours.
    require(!token_.needs_consent_each() || (consented_ && token_.has_consent(session_)), CKR_USER_NOT_LOGGED_IN);
    Bytes signature = token_.sign(input.scheme(), input.finish());
    end_consent();
    return signature;
}

void VerifyOperation::verify(ByteView signature) {
    require(signature.size() == signature_size, CKR_SIGNATURE_LEN_RANGE);
    const Bytes data = input.finish();
    const bool good = input.scheme() == SignatureScheme::pss_sha256 ? crypto_.verify_pss_sha256(*certificate_, data, signature)
                                                                    : crypto_.verify_pkcs1(*certificate_, data, signature);
    require(good, CKR_SIGNATURE_INVALID);
}

}  // namespace jpki
