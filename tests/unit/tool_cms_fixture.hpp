// Shared by the tests of jpki-tool's CMS: a CA with holders, CMS made by jpki-tool and by OpenSSL, and the verification of it.
#pragma once

#include "cms_build.hpp"
#include "cms_encoding.hpp"
#include "cms_judge.hpp"
#include "cms_reader.hpp"
#include "der_writer.hpp"
#include "openssl_certificates.hpp"

#include "apdu/der.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <functional>

namespace jpki::test {

namespace tool = jpki::tool;

class Memory final : public tool::ByteSource {
public:
    explicit Memory(ByteView bytes, std::size_t piece = 1 << 16) : rest_(bytes), piece_(piece) {}
    std::size_t read(std::span<std::uint8_t> into) override {
        const std::size_t size = std::min({into.size(), rest_.size(), piece_});
        std::copy_n(rest_.begin(), size, into.begin());
        rest_ = rest_.subspan(size);
        return size;
    }

private:
    ByteView rest_;
    std::size_t piece_;
};

struct Taker final : tool::ContentTaker {
    tool::ContentDigests digests;
    std::uint64_t size = 0;
    void begin(ByteView algorithms) override { digests.begin(algorithms); }
    void take(ByteView piece) override {
        size += piece.size();
        digests.take(piece);
    }
};

inline Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
inline const Bytes content = bytes_of("what was signed\n");

inline void extend(X509* certificate, int nid, const char* value) {
    const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
    BOOST_REQUIRE(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}
inline void sign_certificate(X509* certificate, EVP_PKEY* key) { BOOST_REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0); }

// A CA and a holder. Made once for each key size: key generation is slow.
struct Pki {
    Key ca_key = rsa_key(2048), key;
    X509Pointer ca, holder;
    explicit Pki(const CertificateOptions& options = {}, const char* usage = "critical,digitalSignature,nonRepudiation",
                 Key other = {}, const CertificateOptions& ca_options = {})
        : key(other ? std::move(other) : rsa_key(2048)) {
        static long serial_number = 0;  // a signer is named by issuer and serial number, and all issuers here have one name
        ca = make_certificate(ca_key.get(), ca_key.get(), ca_options);
        ASN1_INTEGER_set(X509_get_serialNumber(ca.get()), ++serial_number);
        X509_set_subject_name(ca.get(), X509_get_issuer_name(ca.get()));
        extend(ca.get(), NID_basic_constraints, "critical,CA:TRUE");
        sign_certificate(ca.get(), ca_key.get());
        holder = make_certificate(key.get(), ca_key.get(), options);
        ASN1_INTEGER_set(X509_get_serialNumber(holder.get()), ++serial_number);
        extend(holder.get(), NID_key_usage, usage);
        sign_certificate(holder.get(), ca_key.get());
    }
    Bytes ca_der() const { return der_of(ca.get(), i2d_X509); }
    Bytes holder_der() const { return der_of(holder.get(), i2d_X509); }
    tool::Trust trust() const {
        tool::Trust trust;
        trust.anchors.push_back(*tool::CertificateView::parse(ca_der()));
        return trust;
    }
};
inline const Pki& pki() {
    static const Pki one;
    return one;
}

inline Bytes raw_signature(EVP_PKEY* key, ByteView data) {
    const std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    Bytes signature(1024);
    std::size_t size = signature.size();
    BOOST_REQUIRE(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) == 1);
    BOOST_REQUIRE(EVP_DigestSign(context.get(), signature.data(), &size, data.data(), data.size()) == 1);
    signature.resize(size);
    return signature;
}

inline Bytes ours(const Pki& by, bool attached, tool::TimePoint time = tool::now()) {
    Taker taker;
    taker.digests.want(NID_sha256);
    taker.take(content);
    const auto certificate = parse_certificate(by.holder_der());
    BOOST_REQUIRE(certificate != nullptr);
    const Bytes attributes = tool::signed_attributes(*certificate, taker.digests.digest(NID_sha256), time);
    const auto frame = tool::cms_frame(*certificate, by.ca_der(), attributes, raw_signature(by.key.get(), attributes),
                                       attached ? std::optional<std::uint64_t>(content.size()) : std::nullopt);
    return tool::der::concatenated({frame.before, attached ? ByteView(content) : ByteView(), frame.after});
}

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
inline Bio memory(ByteView bytes) { return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

// A CMS made by OpenSSL with these flags; `adjust` may add signers before it is made final.
inline Bytes theirs(const Pki& by, unsigned flags, const std::function<void(CMS_ContentInfo*)>& adjust = {}) {
    const Bio data = memory(content);
    const tool::CmsPointer cms(CMS_sign(nullptr, nullptr, nullptr, data.get(), flags | CMS_PARTIAL | CMS_BINARY));
    BOOST_REQUIRE(cms != nullptr);
    if (adjust) {
        adjust(cms.get());
    } else {
        BOOST_REQUIRE(CMS_add1_signer(cms.get(), by.holder.get(), by.key.get(), EVP_sha256(), flags) != nullptr);
    }
    if (sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms.get())) > 0)  // there is nothing to finish otherwise
        BOOST_REQUIRE(CMS_final(cms.get(), data.get(), nullptr, flags | CMS_BINARY) == 1);
    return der_of<CMS_ContentInfo>(cms.get(), i2d_CMS_ContentInfo);
}

inline std::vector<tool::SignerJudgement> judged(ByteView cms, const tool::Trust& trust, ByteView detached = content,
                                                 tool::TimePoint now = tool::now()) {
    Memory source(cms);
    tool::CmsDecoder decoder(source);
    Taker taker;
    const tool::ReadCms read = tool::read_cms(decoder, taker);
    const auto parsed = tool::parse_cms(read.structure);
    BOOST_REQUIRE(parsed != nullptr);
    if (!read.attached) {
        tool::want_digests_of_signers(*parsed, taker.digests);
        taker.take(detached);
    }
    return tool::judge_signers(*parsed, taker.digests, trust, now);
}
inline bool good(const std::vector<tool::SignerJudgement>& signers) {
    for (const auto& signer : signers)
        for (const auto& finding : signer.findings)
            if (!finding.good) BOOST_TEST_MESSAGE(tool::name_of(finding.aspect) << ": " << finding.text);
    return !signers.empty() && std::ranges::all_of(signers, &tool::SignerJudgement::good);
}
// Exactly this is wrong with the one signer.
inline bool only_bad(const std::vector<tool::SignerJudgement>& signers, tool::Aspect aspect) {
    return signers.size() == 1 && !signers[0].good() && signers[0].good_but_for(aspect);
}

}  // namespace jpki::test
