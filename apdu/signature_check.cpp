#include "apdu/signature_check.hpp"

#include "apdu/der.hpp"
#include "apdu/openssl_errors.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <optional>
#include <stdexcept>
#include <utility>

namespace jpki {

namespace {

template <auto free> struct Freed {
    template <class T> void operator()(T* object) const noexcept { free(object); }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using NumberContext = std::unique_ptr<BN_CTX, Freed<BN_CTX_free>>;
using Group = std::unique_ptr<EC_GROUP, Freed<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Freed<EC_POINT_free>>;

Number number_of(ByteView bytes) {
    Number number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    if (!number) throw std::bad_alloc();
    return number;
}

Number new_number() {
    Number number(BN_new());
    if (!number) throw std::bad_alloc();
    return number;
}

// RSAVP1 (RFC 8017, 5.2.2): the encoded message, as long as the modulus; no value if there is none.
std::optional<Bytes> encoded_message(const CryptoContext& context, const PublicKey& key, ByteView signature) {
    if (key.type != KeyType::rsa || signature.size() != key.modulus.size()) return std::nullopt;
    const OpensslErrors errors;
    const NumberContext numbers(BN_CTX_new_ex(context.library()));
    if (!numbers) throw std::bad_alloc();
    const Number modulus = number_of(key.modulus), exponent = number_of(key.public_exponent), s = number_of(signature);
    const Number message = new_number();
    if (BN_cmp(s.get(), modulus.get()) >= 0) return std::nullopt;
    if (BN_mod_exp_mont(message.get(), s.get(), exponent.get(), modulus.get(), numbers.get(), nullptr) != 1) return std::nullopt;
    Bytes encoded(key.modulus.size());
    if (BN_bn2binpad(message.get(), encoded.data(), static_cast<int>(encoded.size())) < 0) return std::nullopt;
    return encoded;
}

// r || s of Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279, 2.2.3), each `size` bytes; empty when it is none.
Bytes plain_ecdsa(ByteView signature, std::size_t size) {
    const auto contents = der_only(signature, der::sequence);
    if (!contents) return {};
    DerReader parts(*contents);
    Bytes plain;
    for (int i = 0; i < 2; ++i) {
        const auto integer = parts.take(der::integer);
        const auto number = integer ? der_positive_integer(integer->contents) : std::nullopt;
        if (!number || number->size() > size) return {};
        plain.insert(plain.end(), size - number->size(), 0x00);
        plain.insert(plain.end(), number->begin(), number->end());
    }
    if (!parts.at_end()) return {};
    return plain;
}

// MGF1 (RFC 8017, B.2.1), XORed onto `masked`.
void unmask(const CryptoContext& context, Hash hash, ByteView seed, std::span<std::uint8_t> masked) {
    std::uint8_t counter[4] = {};
    for (std::size_t done = 0; done < masked.size(); ++counter[3]) {
        const Bytes mask = CryptoContext::Digest(context, hash).update(seed).update(counter).finish();
        for (std::size_t i = 0; i < mask.size() && done < masked.size(); ++i, ++done) masked[done] ^= mask[i];
    }
}

}  // namespace

Bytes digest_info(Hash hash, ByteView digest) {
    // SEQUENCE { SEQUENCE { 2.16.840.1.101.3.4.2.x, NULL }, OCTET STRING }
    const auto size = static_cast<std::uint8_t>(size_of(hash));
    const auto number = static_cast<std::uint8_t>(hash == Hash::sha256 ? 1 : hash == Hash::sha384 ? 2 : 3);
    const std::uint8_t prefix[] = {der::sequence,
                                   static_cast<std::uint8_t>(17 + size),
                                   der::sequence,
                                   0x0D,
                                   der::object_identifier,
                                   0x09,
                                   0x60,
                                   0x86,
                                   0x48,
                                   0x01,
                                   0x65,
                                   0x03,
                                   0x04,
                                   0x02,
                                   number,
                                   der::null,
                                   0x00,
                                   der::octet_string,
                                   size};
    if (digest.size() != size) throw std::invalid_argument("a hash value of the wrong size");
    Bytes info(sizeof prefix + digest.size());
    std::ranges::copy(digest, std::ranges::copy(prefix, info.begin()).out);
    return info;
}

namespace signature_schemes {

Bytes encode_pkcs1(std::optional<Hash> hash, Bytes data) { return hash ? digest_info(*hash, data) : std::move(data); }

Bytes encode_pss(std::optional<Hash>, Bytes data) { return data; }

Bytes encode_ecdsa(std::optional<Hash>, Bytes data) {
    constexpr std::size_t size = ecdsa.key_bits / 8;
    if (data.size() > size) data.resize(size);
    data.insert(data.begin(), size - data.size(), 0x00);
    return data;
}

bool verify_pss_sha256(const CryptoContext& context, const PublicKey& key, ByteView digest, ByteView signature) {
    return verify_rsa_pss(context, key, Hash::sha256, digest, signature);
}

}  // namespace signature_schemes

bool verify_rsa_pkcs1(const CryptoContext& context, const PublicKey& key, ByteView block, ByteView signature) {
    // EMSA-PKCS1-v1_5 (RFC 8017, 9.2): 00 01 FF ... FF 00, with eight FF or more, and the block. Built and compared, not
    // parsed.
    constexpr std::size_t overhead = 11;
    if (key.type != KeyType::rsa || key.modulus.size() < overhead || block.size() > key.modulus.size() - overhead) return false;
    const auto encoded = encoded_message(context, key, signature);
    if (!encoded) return false;
    Bytes expected(key.modulus.size(), 0xFF);
    expected[0] = 0x00;
    expected[1] = 0x01;
    expected[expected.size() - block.size() - 1] = 0x00;
    std::ranges::copy(block, expected.end() - static_cast<std::ptrdiff_t>(block.size()));
    return *encoded == expected;
}

bool verify_rsa_pss(const CryptoContext& context, const PublicKey& key, Hash hash, ByteView digest, ByteView signature) {
    if (digest.size() != size_of(hash)) return false;
    auto encoded = encoded_message(context, key, signature);
    if (!encoded) return false;
    // EMSA-PSS-VERIFY (RFC 8017, 9.1.2); the numbers are its steps.
    const std::size_t bits = key.bits - 1, size = (bits + 7) / 8;
    if (size < encoded->size() && encoded->front() != 0) return false;
    const std::span<std::uint8_t> message = std::span(*encoded).last(size);
    const std::size_t hash_size = digest.size(), salt_size = digest.size();
    if (size < hash_size + salt_size + 2 || message.back() != 0xBC) return false;  // 3, 4
    const std::span<std::uint8_t> masked = message.first(size - hash_size - 1);    // 5
    const ByteView h = message.subspan(masked.size(), hash_size);
    const auto top_bits = static_cast<std::uint8_t>(0xFF00U >> (8 * size - bits));  // those beyond the encoded message
    if ((masked[0] & top_bits) != 0) return false;                                  // 6
    unmask(context, hash, h, masked);                                               // 7, 8
    masked[0] = static_cast<std::uint8_t>(masked[0] & ~top_bits);                   // 9
    const std::span<std::uint8_t> padding = masked.first(masked.size() - salt_size);
    if (padding.back() != 0x01) return false;  // 10
    if (!std::ranges::all_of(padding.first(padding.size() - 1), [](std::uint8_t byte) { return byte == 0; })) return false;
    static constexpr std::uint8_t zeros[8] = {};
    const Bytes again =
        CryptoContext::Digest(context, hash).update(zeros).update(digest).update(masked.last(salt_size)).finish();  // 12, 13
    return std::ranges::equal(again, h);                                                                            // 14
}

bool verify_ecdsa(const CryptoContext& context, const PublicKey& key, ByteView digest, ByteView signature) {
    const NamedCurve* curve = key.type == KeyType::ec ? find_curve(key.ec_parameters) : nullptr;
    if (!curve || signature.size() != 2 * curve->coordinate_size() || digest.empty()) return false;
    const OpensslErrors errors;
    const NumberContext numbers(BN_CTX_new_ex(context.library()));
    const Group group(EC_GROUP_new_by_curve_name_ex(context.library(), nullptr, curve->nid));
    if (!numbers || !group) throw std::bad_alloc();
    const Point public_point(EC_POINT_new(group.get())), sum(EC_POINT_new(group.get()));
    if (!public_point || !sum) throw std::bad_alloc();
    // The point must be on the curve, and the order's multiple of it is the neutral element then: the cofactor is 1.
    if (EC_POINT_oct2point(group.get(), public_point.get(), key.ec_point.data(), key.ec_point.size(), numbers.get()) != 1)
        return false;

    // FIPS 186-5, 6.4.2; the numbers are its steps.
    const BIGNUM* const order = EC_GROUP_get0_order(group.get());
    const Number r = number_of(signature.first(curve->coordinate_size())),
                 s = number_of(signature.subspan(curve->coordinate_size()));
    for (const Number* number : {&r, &s})
        if (BN_is_zero(number->get()) || BN_cmp(number->get(), order) >= 0) return false;  // 1
    const auto order_bits = static_cast<std::size_t>(BN_num_bits(order));
    const ByteView leftmost = digest.first(std::min(digest.size(), (order_bits + 7) / 8));
    const Number e = number_of(leftmost);  // 3
    if (leftmost.size() * 8 > order_bits && BN_rshift(e.get(), e.get(), static_cast<int>(leftmost.size() * 8 - order_bits)) != 1)
        return false;
    const Number inverse(BN_mod_inverse(nullptr, s.get(), order, numbers.get()));  // 4
    const Number u = new_number(), v = new_number(), x = new_number();
    return inverse && BN_mod_mul(u.get(), e.get(), inverse.get(), order, numbers.get()) == 1 &&
           BN_mod_mul(v.get(), r.get(), inverse.get(), order, numbers.get()) == 1 &&                          // 5
           EC_POINT_mul(group.get(), sum.get(), u.get(), public_point.get(), v.get(), numbers.get()) == 1 &&  // 6
           EC_POINT_get_affine_coordinates(group.get(), sum.get(), x.get(), nullptr, numbers.get()) ==
               1 &&  // fails for the neutral element
           BN_nnmod(x.get(), x.get(), order, numbers.get()) == 1 &&
           BN_cmp(x.get(), r.get()) == 0;  // 7
}

bool verify_x509_rsa(const CryptoContext& context, const PublicKey& issuer, Hash hash, ByteView digest, ByteView signature) {
    return verify_rsa_pkcs1(context, issuer, digest_info(hash, digest), signature);
}

bool verify_x509_ecdsa(const CryptoContext& context, const PublicKey& issuer, Hash, ByteView digest, ByteView signature) {
    const NamedCurve* curve = find_curve(issuer.ec_parameters);
    return curve && verify_ecdsa(context, issuer, digest, plain_ecdsa(signature, curve->coordinate_size()));
}

}  // namespace jpki
