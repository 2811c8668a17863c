#include "apdu/crypto_context.hpp"

#include "apdu/openssl_errors.hpp"

#include <cstring>
#include <new>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace jpki {

namespace {

constexpr const char* name_of(Hash hash) noexcept {
    return hash == Hash::sha256 ? "SHA2-256" : hash == Hash::sha384 ? "SHA2-384" : "SHA2-512";
}

// Whether `name` is one of an algorithm's names, which are separated by colons (provider-base(7)).
bool has_name(std::string_view names, std::string_view name) noexcept {
    for (;;) {
        const std::size_t end = names.find(':');
        if (names.substr(0, end) == name) return true;
        if (end == std::string_view::npos) return false;
        names.remove_prefix(end + 1);
    }
}

template <class F> void take(const OSSL_DISPATCH& entry, F*& function) noexcept {
    function = reinterpret_cast<F*>(entry.function);
}

}  // namespace

struct CryptoContext::Functions {
    OSSL_FUNC_digest_newctx_fn* create = nullptr;
    OSSL_FUNC_digest_init_fn* init = nullptr;
    OSSL_FUNC_digest_update_fn* update = nullptr;
    OSSL_FUNC_digest_final_fn* finish = nullptr;
    OSSL_FUNC_digest_freectx_fn* destroy = nullptr;

    explicit operator bool() const noexcept { return create && init && update && finish && destroy; }

    void read(const OSSL_DISPATCH* entry) noexcept {
        for (; entry->function_id != 0; ++entry) switch (entry->function_id) {
            case OSSL_FUNC_DIGEST_NEWCTX: take(*entry, create); break;
            case OSSL_FUNC_DIGEST_INIT: take(*entry, init); break;
            case OSSL_FUNC_DIGEST_UPDATE: take(*entry, update); break;
            case OSSL_FUNC_DIGEST_FINAL: take(*entry, finish); break;
            case OSSL_FUNC_DIGEST_FREECTX: take(*entry, destroy); break;
            default: break;
            }
    }
};

void CryptoContext::FreeLibrary::operator()(OSSL_LIB_CTX* library) const noexcept { OSSL_LIB_CTX_free(library); }

CryptoContext::CryptoContext() : library_(OSSL_LIB_CTX_new()), functions_(new Functions[hash_kinds]) {
    if (!library_) throw std::bad_alloc();
    const OpensslErrors errors;
    provider_ = OSSL_PROVIDER_load(library_.get(), "default");
    if (!provider_) throw std::runtime_error("OpenSSL has no default provider");
    int no_cache = 0;
    const OSSL_ALGORITHM* const all = OSSL_PROVIDER_query_operation(provider_, OSSL_OP_DIGEST, &no_cache);
    bool complete = all != nullptr;
    for (const Hash hash : all_hashes) {
        Functions& functions = functions_[static_cast<std::size_t>(hash)];
        for (const OSSL_ALGORITHM* one = all; one && one->algorithm_names; ++one)
            if (has_name(one->algorithm_names, name_of(hash))) functions.read(one->implementation);
        complete = complete && functions;
    }
    if (all) OSSL_PROVIDER_unquery_operation(provider_, OSSL_OP_DIGEST, all);
    if (complete) return;
    OSSL_PROVIDER_unload(provider_);
    throw std::runtime_error("OpenSSL's default provider has no SHA-2");
}

CryptoContext::~CryptoContext() { OSSL_PROVIDER_unload(provider_); }

CryptoContext::Digest::Digest(const CryptoContext& context, Hash hash)
    : context_(context),
      hash_(hash),
      state_(context.functions_[static_cast<std::size_t>(hash)].create(OSSL_PROVIDER_get0_provider_ctx(context.provider_))) {
    const OpensslErrors errors;
    const Functions& functions = context_.functions_[static_cast<std::size_t>(hash_)];
    if (!state_) throw std::bad_alloc();
    if (functions.init(state_, nullptr) == 1) return;
    functions.destroy(state_);
    throw std::runtime_error("OpenSSL cannot start a hash");
}

CryptoContext::Digest::Digest(Digest&& other) noexcept
    : context_(other.context_), hash_(other.hash_), state_(std::exchange(other.state_, nullptr)) {}

CryptoContext::Digest::~Digest() {
    if (state_) context_.functions_[static_cast<std::size_t>(hash_)].destroy(state_);  // which wipes it
}

CryptoContext::Digest& CryptoContext::Digest::update(ByteView data) {
    if (context_.functions_[static_cast<std::size_t>(hash_)].update(state_, data.data(), data.size()) != 1)
        throw std::runtime_error("OpenSSL cannot compute a hash");
    return *this;
}

Bytes CryptoContext::Digest::finish() {
    Bytes digest(size_of(hash_));
    std::size_t size = 0;
    if (context_.functions_[static_cast<std::size_t>(hash_)].finish(state_, digest.data(), &size, digest.size()) != 1 ||
        size != digest.size())
        throw std::runtime_error("OpenSSL cannot compute a hash");
    return digest;
}

std::array<std::uint8_t, 32> CryptoContext::hmac_sha256(ByteView key, ByteView data) const {
    constexpr std::size_t block_size = 64;
    constexpr std::uint8_t inner_pad = 0x36, outer_pad = 0x5C;
    if (key.size() > block_size) throw std::invalid_argument("HMAC key longer than a block");
    // Wiped on every path.
    struct Block {
        std::array<std::uint8_t, block_size> bytes;
        explicit Block(ByteView key, std::uint8_t pad) noexcept {
            bytes.fill(pad);
            for (std::size_t i = 0; i < key.size(); ++i) bytes[i] = static_cast<std::uint8_t>(key[i] ^ pad);
        }
        ~Block() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
    };
    const Block inner_key(key, inner_pad), outer_key(key, outer_pad);
    const Bytes inner = Digest(*this, Hash::sha256).update(inner_key.bytes).update(data).finish();
    const Bytes outer = Digest(*this, Hash::sha256).update(outer_key.bytes).update(inner).finish();
    std::array<std::uint8_t, 32> mac{};
    std::memcpy(mac.data(), outer.data(), mac.size());
    return mac;
}

}  // namespace jpki
