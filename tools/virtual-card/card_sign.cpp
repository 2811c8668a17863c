// The sign command: apdu/README.md, table of P1.
#include "card_state.hpp"

#include "test_pki.hpp"

#include "openssl_pointers.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

namespace jpki::model {

namespace {

constexpr std::size_t key_bytes = 256;

// SEQUENCE { SEQUENCE { sha256, NULL }, OCTET STRING } up to the hash (RFC 8017, 9.2).
constexpr std::array<std::uint8_t, 19> sha256_digest_info = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                             0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

Bytes sha256(ByteView message) {
    Bytes hash(32);
    if (EVP_Digest(message.data(), message.size(), hash.data(), nullptr, EVP_sha256(), nullptr) != 1) return {};
    return hash;
}

Bytes with_digest_info(ByteView hash) {
    Bytes info(sha256_digest_info.begin(), sha256_digest_info.end());
    info.insert(info.end(), hash.begin(), hash.end());
    return info;
}

bool set_pss(EVP_PKEY_CTX* context) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) == 1;
}

// Without a digest in the context, PKCS#1 padding is applied to the bytes as they are. Empty if OpenSSL fails.
Bytes rsa_sign(EVP_PKEY* key, ByteView input, bool pss) {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key, nullptr), &EVP_PKEY_CTX_free);
    if (!context || EVP_PKEY_sign_init(context.get()) != 1) return {};
    const bool padded = pss ? set_pss(context.get()) : EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1;
    Bytes signature(key_bytes);
    std::size_t length = signature.size();
    if (!padded || EVP_PKEY_sign(context.get(), signature.data(), &length, input.data(), input.size()) != 1) return {};
    signature.resize(length);
    return signature;
}

std::atomic<bool> remembers = false;

// PKCS#1 signatures (RFC 8017, 8.2.1), which depend on nothing but these two.
class Signatures {
public:
    Bytes find(EVP_PKEY* key, const Bytes& input) {
        const std::lock_guard lock(mutex_);
        const auto found = made_.find({key, input});
        return found == made_.end() ? Bytes() : found->second;
    }
    // Keeps the key too, so that its address is not used for another one.
    void add(EVP_PKEY* key, const Bytes& input, const Bytes& signature) {
        const std::lock_guard lock(mutex_);
        if (made_.size() < most && made_.try_emplace({key, input}, signature).second) EVP_PKEY_up_ref(key);
    }

private:
    static constexpr std::size_t most = 64;
    std::mutex mutex_;
    std::map<std::pair<EVP_PKEY*, Bytes>, Bytes> made_;
};

Bytes pkcs1_signature(EVP_PKEY* key, const Bytes& input) {
    static auto& signatures = *new Signatures;  // other static objects may have a card
    if (!remembers) return rsa_sign(key, input, false);
    Bytes signature = signatures.find(key, input);
    if (!signature.empty()) return signature;
    signature = rsa_sign(key, input, false);
    if (!signature.empty()) signatures.add(key, input, signature);
    return signature;
}

Bytes rsa_sign_as(EVP_PKEY* key, std::uint8_t p1, ByteView data) {
    const bool hashes = p1 == 0x01 || p1 == 0x03 || p1 == 0x05;
    const bool pss = p1 == 0x04 || p1 == 0x05;
    Bytes input = hashes ? sha256(data) : Bytes(data.begin(), data.end());
    if (p1 == 0x02 || p1 == 0x03) input = with_digest_info(input);
    return pss ? rsa_sign(key, input, true) : pkcs1_signature(key, input);
}

// apdu/README.md, The next card (a guess): P1 = 00 and a hash as long as the field of P-384, answered with r || s.
constexpr std::size_t ec_field_bytes = 48;

Bytes ecdsa_sign(EVP_PKEY* key, ByteView hash) {
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(key, nullptr), &EVP_PKEY_CTX_free);
    std::array<std::uint8_t, 128> der{};
    std::size_t length = der.size();
    if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
        EVP_PKEY_sign(context.get(), der.data(), &length, hash.data(), hash.size()) != 1)
        return {};
    const unsigned char* at = der.data();
    const std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>> numbers(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length)));
    Bytes signature(2 * ec_field_bytes);
    if (!numbers || BN_bn2binpad(ECDSA_SIG_get0_r(numbers.get()), signature.data(), ec_field_bytes) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(numbers.get()), signature.data() + ec_field_bytes, ec_field_bytes) < 0)
        return {};
    return signature;
}

bool length_fits(std::uint8_t p1, std::size_t length) {
    switch (p1) {
    case 0x00: return length >= 1 && length <= 245;
    case 0x02:
    case 0x04: return length == 32;
    default: return length >= 1 && length <= 255;
    }
}

}  // namespace

void remember_signatures(bool yes) { remembers = yes; }

Reply CardModel::State::sign(const CommandApdu& command) {
    const std::uint8_t p1 = command.p1;
    const bool on_curve = EVP_PKEY_is_a(pki->authentication_key, "EC") == 1;  // both keys of a card are of one kind
    const bool known = on_curve ? p1 == 0x00 : p1 <= 0x03 || (p1 <= 0x05 && knobs.pss);
    if (!known && !knobs.checks_pin_before_p1) return {sw::bad_p1p2};
    File file{};
    if (const auto status = resolve(command.p2, FileType::key, file); status != sw::ok) return {status};
    if (!verified[index(file.use)]) return {sw::not_verified};
    if (!known) return {sw::bad_p1p2};
    const bool fits = on_curve ? command.data.size() == ec_field_bytes : length_fits(p1, command.data.size());
    if (!fits) return {knobs.wrong_length_6985 ? sw::conditions : sw::wrong_length};
    const std::size_t size = on_curve ? 2 * ec_field_bytes : key_bytes;
    // T=0 cannot send Le together with data; the answer then waits for GET RESPONSE.
    if (!knobs.answers_61xx && (!command.le || *command.le < size)) {
        const bool tells_length = knobs.answers_6cxx && command.le && !command.extended;
        return {tells_length ? static_cast<std::uint16_t>(0x6C00 | (size & 0xFF)) : sw::wrong_length};
    }

    EVP_PKEY* key = file.use == KeyUse::signature ? pki->signature_key : pki->authentication_key;
    Bytes signature = on_curve ? ecdsa_sign(key, command.data) : rsa_sign_as(key, p1, command.data);
    if (signature.size() != size) return {sw::internal};
    ++counts.signatures[index(file.use)];
    return {sw::ok, std::move(signature)};
}

}  // namespace jpki::model
