// Caches for the fuzzers of the whole module, for work that is not the module's: each returns the result that the
// real function returned before. Linked with --wrap (CMakeLists.txt), so that the module is unchanged.
//
// The cost: OpenSSL's allocations of one input still exist in the next. That a context is not used after it
// was freed is tested in tests/module (exit_host.cpp, threads_lifetime_test.cpp).
#include "economies.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <utility>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

std::chrono::nanoseconds time_passed{std::chrono::hours(1)};

}  // namespace

namespace jpki::fuzz {

void let_time_pass(std::chrono::nanoseconds time) { time_passed += time; }

}  // namespace jpki::fuzz

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
    static auto& kept = *new std::map<std::pair<EVP_PKEY*, Bytes>, Bytes>;
    constexpr std::size_t kept_max = 1000;
    int padding = 0;
    if (!signature || EVP_PKEY_CTX_get_rsa_padding(context, &padding) <= 0 || padding != RSA_PKCS1_PADDING)
        return __real_EVP_PKEY_sign(context, signature, length, data, size);
    // The keys of TestPki::shared exist until the process ends.
    const std::pair<EVP_PKEY*, Bytes> which(EVP_PKEY_CTX_get0_pkey(context), Bytes(data, data + size));
    if (const auto found = kept.find(which); found != kept.end() && *length >= found->second.size()) {
        *length = found->second.size();
        std::copy(found->second.begin(), found->second.end(), signature);
        return 1;
    }
    const int result = __real_EVP_PKEY_sign(context, signature, length, data, size);
    if (result == 1 && kept.size() < kept_max) kept.emplace(which, Bytes(signature, signature + *length));
    return result;
}

// --- time: advances only by sleeps, which take no real time and appear long, as on a very busy machine ----------------

int __wrap_nanosleep(const std::timespec* wanted, std::timespec*);
int __wrap_nanosleep(const std::timespec* wanted, std::timespec*) {
    jpki::fuzz::let_time_pass(100 * (std::chrono::seconds(wanted->tv_sec) + std::chrono::nanoseconds(wanted->tv_nsec)));
    return 0;
}
// steady_clock::now(), whose time_point is returned as its number.
std::chrono::nanoseconds::rep __wrap__ZNSt6chrono3_V212steady_clock3nowEv();
std::chrono::nanoseconds::rep __wrap__ZNSt6chrono3_V212steady_clock3nowEv() { return time_passed.count(); }

// --- AddressSanitizer, if present ---------------------------------------------------------------------------------

// One input frees less than this, so that a use after free is detected; the default, 256 MB, means fresh
// pages for every allocation.
const char* __asan_default_options();
const char* __asan_default_options() { return "quarantine_size_mb=16:max_malloc_fill_size=0:malloc_context_size=12"; }

}  // extern "C"
