// Costly steps of the fuzzers of the whole module that are not the module's own work, cached: each returns the result that the
// real function returned before. Linked with --wrap (CMakeLists.txt), so that the module is unchanged.
//
// The cost: OpenSSL's allocations of one input still exist in the next. That a context is not used after it
// was freed is tested in tests/module (exit_host.cpp, threads_lifetime_test.cpp).
#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <utility>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

// Results of a function of bytes. A fuzzer's inputs can ask for any number of them, so there is a limit.
template <class Operands, class Result> class Kept {
public:
    const Result* find(const Operands& operands) const {
        const auto found = results_.find(operands);
        return found == results_.end() ? nullptr : &found->second;
    }
    void add(Operands operands, Result result) {
        if (results_.size() < most) results_.emplace(std::move(operands), std::move(result));
    }

private:
    static constexpr std::size_t most = 4000;
    std::map<Operands, Result> results_;
};

Bytes bytes_of(const BIGNUM* number) {
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
    BN_bn2bin(number, bytes.data());
    return bytes;
}

}  // namespace

extern "C" {

// --- a library context, which C_Initialize builds and fills with every requested algorithm ---------------------------

OSSL_LIB_CTX* __real_OSSL_LIB_CTX_new();
OSSL_LIB_CTX* __wrap_OSSL_LIB_CTX_new();
OSSL_LIB_CTX* __wrap_OSSL_LIB_CTX_new() {
    static OSSL_LIB_CTX* const kept = __real_OSSL_LIB_CTX_new();
    return kept;
}
void __wrap_OSSL_LIB_CTX_free(OSSL_LIB_CTX*);
void __wrap_OSSL_LIB_CTX_free(OSSL_LIB_CTX*) {}

// --- the card's private key: PKCS#1 padding gives the same signature each time ---------------------------------------

int __real_EVP_PKEY_sign(EVP_PKEY_CTX*, unsigned char* signature, std::size_t* length, const unsigned char* data,
                         std::size_t size);
int __wrap_EVP_PKEY_sign(EVP_PKEY_CTX*, unsigned char* signature, std::size_t* length, const unsigned char* data,
                         std::size_t size);
int __wrap_EVP_PKEY_sign(EVP_PKEY_CTX* context, unsigned char* signature, std::size_t* length, const unsigned char* data,
                         std::size_t size) {
    static auto& kept = *new Kept<std::pair<EVP_PKEY*, Bytes>, Bytes>;
    int padding = 0;
    if (!signature || EVP_PKEY_CTX_get_rsa_padding(context, &padding) <= 0 || padding != RSA_PKCS1_PADDING)
        return __real_EVP_PKEY_sign(context, signature, length, data, size);
    // The keys of TestPki::shared exist until the process ends.
    const std::pair<EVP_PKEY*, Bytes> which(EVP_PKEY_CTX_get0_pkey(context), Bytes(data, data + size));
    if (const Bytes* found = kept.find(which); found && *length >= found->size()) {
        *length = found->size();
        std::copy(found->begin(), found->end(), signature);
        return 1;
    }
    const int result = __real_EVP_PKEY_sign(context, signature, length, data, size);
    if (result == 1) kept.add(which, Bytes(signature, signature + *length));
    return result;
}

// --- a public key: the module's check of a signature, and of a certificate with its issuer's key ---------------------

int __real_BN_mod_exp_mont(BIGNUM* result, const BIGNUM* base, const BIGNUM* exponent, const BIGNUM* modulus, BN_CTX*,
                           BN_MONT_CTX*);
int __wrap_BN_mod_exp_mont(BIGNUM* result, const BIGNUM* base, const BIGNUM* exponent, const BIGNUM* modulus, BN_CTX*,
                           BN_MONT_CTX*);
int __wrap_BN_mod_exp_mont(BIGNUM* result, const BIGNUM* base, const BIGNUM* exponent, const BIGNUM* modulus, BN_CTX* context,
                           BN_MONT_CTX* montgomery) {
    static auto& kept = *new Kept<std::array<Bytes, 3>, Bytes>;
    const std::array<Bytes, 3> operands = {bytes_of(base), bytes_of(exponent), bytes_of(modulus)};
    if (const Bytes* found = kept.find(operands))
        return BN_bin2bn(found->data(), static_cast<int>(found->size()), result) != nullptr;
    const int done = __real_BN_mod_exp_mont(result, base, exponent, modulus, context, montgomery);
    if (done == 1) kept.add(operands, bytes_of(result));
    return done;
}

// --- the symbol at an address, by which C_Initialize checks which libcrypto it is bound to ---------------------------

int __real_dladdr1(const void* address, Dl_info* info, void** extra, int flags);
int __wrap_dladdr1(const void* address, Dl_info* info, void** extra, int flags);
int __wrap_dladdr1(const void* address, Dl_info* info, void** extra, int flags) {
    static auto& kept = *new Kept<std::pair<const void*, int>, std::pair<Dl_info, void*>>;
    if (const auto* found = kept.find({address, flags})) {
        *info = found->first;
        *extra = found->second;
        return 1;
    }
    const int result = __real_dladdr1(address, info, extra, flags);
    if (result != 0) kept.add({address, flags}, {*info, *extra});
    return result;
}

// --- the stack of signal handlers, for which AddressSanitizer asks the kernel at each exception -----------------------

int __real_sigaltstack(const stack_t* wanted, stack_t* old);
int __wrap_sigaltstack(const stack_t* wanted, stack_t* old);
int __wrap_sigaltstack(const stack_t* wanted, stack_t* old) {
    // Each thread has its own.
    static constinit thread_local stack_t kept{};
    static constinit thread_local bool known = false;
    if (wanted) {
        known = false;
        return __real_sigaltstack(wanted, old);
    }
    if (!known && __real_sigaltstack(nullptr, &kept) != 0) return -1;
    known = true;
    if (old) *old = kept;
    return 0;
}

// --- AddressSanitizer, if present ---------------------------------------------------------------------------------

// One input frees less than this, so that a use after free is detected; the default, 256 MB, means fresh
// pages for every allocation. Two frames of each allocation are kept: run a found input again with more of them.
const char* __asan_default_options();
const char* __asan_default_options() { return "quarantine_size_mb=16:max_malloc_fill_size=0:malloc_context_size=2"; }

}  // extern "C"
