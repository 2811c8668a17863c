#include "content_digests.hpp"

#include "der_writer.hpp"

#include <algorithm>
#include <array>
#include <new>

#include <openssl/evp.h>
#include <openssl/objects.h>

namespace jpki::tool {

namespace {

constexpr std::array strong = {NID_sha256, NID_sha384, NID_sha512, NID_sha512_256, NID_sha3_256, NID_sha3_384, NID_sha3_512};

}  // namespace

bool is_strong_digest(int nid) noexcept { return std::ranges::find(strong, nid) != strong.end(); }

ContentDigests::ContentDigests() : chain_(BIO_new(BIO_s_null()), BIO_free_all) {
    if (!chain_) throw std::bad_alloc();
}

void ContentDigests::want(int nid) {
    if (!is_strong_digest(nid) || wanted_.contains(nid)) return;
    BIO* const filter = BIO_new(BIO_f_md());
    if (filter == nullptr) throw std::bad_alloc();
    if (BIO_set_md(filter, EVP_get_digestbynid(nid)) != 1) {
        BIO_free(filter);
        throw std::runtime_error("OpenSSL has no such digest");
    }
    chain_.reset(BIO_push(filter, chain_.release()));
    wanted_.insert(nid);
}

void ContentDigests::begin(ByteView digest_algorithms) {
    for (const int nid : strong) {
        const Bytes oid = der::object_identifier(nid);
        if (std::search(digest_algorithms.begin(), digest_algorithms.end(), oid.begin(), oid.end()) != digest_algorithms.end())
            want(nid);
    }
}

void ContentDigests::take(ByteView piece) {
    std::size_t written = 0;
    if (!piece.empty() && (BIO_write_ex(chain_.get(), piece.data(), piece.size(), &written) != 1 || written != piece.size()))
        throw std::runtime_error("hashing failed");
}

Bytes ContentDigests::digest(int nid) const {
    for (BIO* at = BIO_find_type(chain_.get(), BIO_TYPE_MD); at != nullptr; at = BIO_find_type(BIO_next(at), BIO_TYPE_MD)) {
        EVP_MD_CTX* context = nullptr;
        BIO_get_md_ctx(at, &context);
        if (context == nullptr || EVP_MD_get_type(EVP_MD_CTX_get0_md(context)) != nid) continue;
        const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> copy(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        Bytes bytes(EVP_MAX_MD_SIZE);
        unsigned size = 0;
        if (!copy || EVP_MD_CTX_copy_ex(copy.get(), context) != 1 || EVP_DigestFinal_ex(copy.get(), bytes.data(), &size) != 1)
            throw std::runtime_error("hashing failed");
        bytes.resize(size);
        return bytes;
    }
    return {};
}

}  // namespace jpki::tool
