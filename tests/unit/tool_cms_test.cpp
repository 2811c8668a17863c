// jpki-tool's CMS: OpenSSL reads what it builds, it verifies what OpenSSL makes, and it rejects other files.
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

namespace tool = jpki::tool;
using namespace jpki;
using namespace jpki::test;

namespace {

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

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }
const Bytes content = bytes_of("what was signed\n");

void extend(X509* certificate, int nid, const char* value) {
    const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
    BOOST_REQUIRE(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}
void sign_certificate(X509* certificate, EVP_PKEY* key) { BOOST_REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0); }

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
const Pki& pki() {
    static const Pki one;
    return one;
}

Bytes raw_signature(EVP_PKEY* key, ByteView data) {
    const std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    Bytes signature(1024);
    std::size_t size = signature.size();
    BOOST_REQUIRE(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) == 1);
    BOOST_REQUIRE(EVP_DigestSign(context.get(), signature.data(), &size, data.data(), data.size()) == 1);
    signature.resize(size);
    return signature;
}

Bytes ours(const Pki& by, bool attached, tool::TimePoint time = tool::now()) {
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
Bio memory(ByteView bytes) { return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

// A CMS made by OpenSSL with these flags; `adjust` may add signers before it is made final.
Bytes theirs(const Pki& by, unsigned flags, const std::function<void(CMS_ContentInfo*)>& adjust = {}) {
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

std::vector<tool::SignerJudgement> judged(ByteView cms, const tool::Trust& trust, ByteView detached = content,
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
bool good(const std::vector<tool::SignerJudgement>& signers) {
    for (const auto& signer : signers)
        for (const auto& finding : signer.findings)
            if (!finding.good) BOOST_TEST_MESSAGE(tool::name_of(finding.aspect) << ": " << finding.text);
    return !signers.empty() && std::ranges::all_of(signers, &tool::SignerJudgement::good);
}
// Exactly this is wrong with the one signer.
bool only_bad(const std::vector<tool::SignerJudgement>& signers, tool::Aspect aspect) {
    return signers.size() == 1 && !signers[0].good() && signers[0].good_but_for(aspect);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tool_cms)

BOOST_AUTO_TEST_CASE(der_lengths_take_the_fewest_octets) {
    const std::pair<std::uint64_t, Bytes> cases[] = {{0, {4, 0}},
                                                     {127, {4, 0x7F}},
                                                     {128, {4, 0x81, 0x80}},
                                                     {256, {4, 0x82, 1, 0}},
                                                     {0x280000000, {4, 0x85, 2, 0x80, 0, 0, 0}}};
    for (const auto& [length, encoded] : cases)
        BOOST_TEST(tool::der::header(4, length) == encoded, boost::test_tools::per_element());
    BOOST_TEST(tool::der::set_of(0x31, {{2, 1, 9}, {2, 1, 1}}) == (Bytes{0x31, 6, 2, 1, 1, 2, 1, 9}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(openssl_verifies_what_is_built_as_cades) {
    const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), pki().ca.get());
    for (const bool attached : {false, true}) {
        const Bytes der = ours(pki(), attached);
        const unsigned char* at = der.data();
        const tool::CmsPointer cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
        BOOST_REQUIRE(cms != nullptr);
        BOOST_TEST((at == der.data() + der.size()));
        const Bio data = memory(content);
        BOOST_TEST(
            CMS_verify(cms.get(), nullptr, store.get(), attached ? nullptr : data.get(), nullptr, CMS_BINARY | CMS_CADES) == 1);
        BOOST_TEST(der_of<CMS_ContentInfo>(cms.get(), i2d_CMS_ContentInfo) == der, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(own_signature_verifies_and_another_content_does_not) {
    BOOST_TEST(good(judged(ours(pki(), false), pki().trust())));
    BOOST_TEST(good(judged(ours(pki(), true), pki().trust())));
    BOOST_TEST(only_bad(judged(ours(pki(), false), pki().trust(), bytes_of("another")), tool::Aspect::digest));
}

BOOST_AUTO_TEST_CASE(signatures_of_openssl_verify) {
    const Pki elliptic({}, "critical,digitalSignature", ec_key("P-256"));
    for (const unsigned form : {0U, unsigned{CMS_DETACHED}})
        for (const unsigned attributes : {0U, unsigned{CMS_NOATTR}, unsigned{CMS_CADES}}) {
            BOOST_TEST(good(judged(theirs(pki(), form | attributes), pki().trust())));
            BOOST_TEST(good(judged(theirs(elliptic, form | attributes), elliptic.trust())));
        }
    const auto pss = theirs(pki(), CMS_DETACHED, [](CMS_ContentInfo* cms) {
        CMS_SignerInfo* const signer = CMS_add1_signer(cms, pki().holder.get(), pki().key.get(), EVP_sha384(), CMS_KEY_PARAM);
        BOOST_REQUIRE(signer != nullptr);
        BOOST_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(CMS_SignerInfo_get0_pkey_ctx(signer), RSA_PKCS1_PSS_PADDING) == 1);
    });
    BOOST_TEST(good(judged(pss, pki().trust())));
    BOOST_TEST(!good(judged(pss, pki().trust(), bytes_of("another"))));
    BOOST_TEST(
        only_bad(judged(theirs(pki(), CMS_DETACHED | CMS_NOATTR), pki().trust(), bytes_of("another")), tool::Aspect::signature));
}

BOOST_AUTO_TEST_CASE(changed_signature_does_not_verify) {
    Bytes der = ours(pki(), false);
    der.back() ^= 1;  // of the signature value
    BOOST_TEST(only_bad(judged(der, pki().trust()), tool::Aspect::signature));
}

BOOST_AUTO_TEST_CASE(weak_digest_does_not_verify) {
    const auto sha1 = theirs(pki(), CMS_DETACHED, [](CMS_ContentInfo* cms) {
        BOOST_REQUIRE(CMS_add1_signer(cms, pki().holder.get(), pki().key.get(), EVP_sha1(), 0) != nullptr);
    });
    BOOST_TEST(only_bad(judged(sha1, pki().trust()), tool::Aspect::digest));
}

BOOST_AUTO_TEST_CASE(one_bad_signer_among_good_ones_is_reported) {
    const Pki stranger;
    const auto two = theirs(pki(), CMS_DETACHED, [&](CMS_ContentInfo* cms) {
        CMS_add1_signer(cms, pki().holder.get(), pki().key.get(), EVP_sha256(), 0);
        CMS_add1_signer(cms, stranger.holder.get(), stranger.key.get(), EVP_sha256(), 0);
    });
    const auto signers = judged(two, pki().trust());
    BOOST_TEST(signers.size() == 2U);
    BOOST_TEST(std::ranges::count_if(signers, &tool::SignerJudgement::good) == 1);
    tool::Trust both = pki().trust();
    both.anchors.push_back(std::move(stranger.trust().anchors[0]));
    BOOST_TEST(good(judged(two, both)));  // two CAs of one name: the one that signed is found
}

BOOST_AUTO_TEST_CASE(cms_without_signer_does_not_verify) {
    const auto none = theirs(pki(), 0, [](CMS_ContentInfo* cms) { CMS_add1_cert(cms, pki().holder.get()); });
    BOOST_TEST(judged(none, pki().trust()).empty());
}

BOOST_AUTO_TEST_CASE(missing_certificate_is_reported) {
    const auto signers = judged(theirs(pki(), CMS_DETACHED | CMS_NOCERTS), pki().trust());
    BOOST_TEST(only_bad(signers, tool::Aspect::certificate));
}

BOOST_AUTO_TEST_CASE(key_not_for_signatures_is_reported) {
    const Pki agreement({}, "critical,keyAgreement");
    BOOST_TEST(only_bad(judged(ours(agreement, false), agreement.trust()), tool::Aspect::key_usage));
}

BOOST_AUTO_TEST_CASE(signing_time_is_compared_with_validity) {
    CertificateOptions expired;
    expired.not_before = "20210101000000Z";
    expired.not_after = "20220101000000Z";
    const Pki old(expired);
    using namespace std::chrono;
    const auto at = [](int y, unsigned m) { return tool::TimePoint(sys_days(year(y) / static_cast<int>(m) / 1)); };
    BOOST_TEST(good(judged(ours(old, false, at(2021, 6)), old.trust())));  // expired since, valid then
    BOOST_TEST(only_bad(judged(ours(old, false, at(2022, 6)), old.trust()), tool::Aspect::time));
    BOOST_TEST(only_bad(judged(ours(old, false, at(2020, 6)), old.trust()), tool::Aspect::time));
    BOOST_TEST(only_bad(judged(theirs(old, CMS_DETACHED | CMS_NOATTR), old.trust()), tool::Aspect::time));  // no time: now counts
    BOOST_TEST(only_bad(judged(ours(pki(), false, tool::now() + hours(1)), pki().trust()), tool::Aspect::time));
    BOOST_TEST(good(judged(ours(pki(), false, tool::now() + minutes(1)), pki().trust())));
    BOOST_TEST(good(judged(ours(pki(), false, at(2020, 1)), pki().trust())));
    const Pki old_ca({}, "critical,digitalSignature", {}, expired);  // its certificates end with it
    BOOST_TEST(good(judged(ours(old_ca, false, at(2021, 6)), old_ca.trust())));
    BOOST_TEST(only_bad(judged(ours(old_ca, false), old_ca.trust()), tool::Aspect::time));
}

BOOST_AUTO_TEST_CASE(included_ca_counts_by_its_fingerprint_only) {
    const std::string fingerprint = pki().trust().anchors[0].sha256();
    const tool::KnownCa known{KeyUse::signature, 1, "2015-10-20", "2025-10-19", "ABCD", fingerprint};
    const tool::KnownCa unknown_fingerprint{KeyUse::signature, 2, "2019-09-14", "2029-09-14", "", ""};
    tool::Trust trust;
    trust.known = {&known, 1};
    const auto signers = judged(ours(pki(), false), trust);
    BOOST_TEST(good(signers));
    BOOST_TEST((signers[0].known == &known));
    trust.known = {&unknown_fingerprint, 1};
    BOOST_TEST(only_bad(judged(ours(pki(), false), trust), tool::Aspect::chain));
    trust.known = tool::known_cas();
    BOOST_TEST(only_bad(judged(ours(pki(), false), trust), tool::Aspect::chain));
    const Pki stranger;  // its CA has the same name
    BOOST_TEST(only_bad(judged(ours(stranger, false), pki().trust()), tool::Aspect::chain));
}

BOOST_AUTO_TEST_CASE(signing_certificate_attribute_of_another_certificate_does_not_verify) {
    // The same key in another certificate: only the attribute identifies the certificate that the signer meant.
    Pki twin({}, "critical,digitalSignature", Key((EVP_PKEY_up_ref(pki().key.get()), pki().key.get())));
    const auto mine = parse_certificate(twin.holder_der());
    const auto other = parse_certificate(pki().holder_der());
    Taker taker;
    taker.digests.want(NID_sha256);
    taker.take(content);
    const Bytes attributes = tool::signed_attributes(*other, taker.digests.digest(NID_sha256), tool::now());
    const auto frame = tool::cms_frame(*mine, twin.ca_der(), attributes, raw_signature(twin.key.get(), attributes), std::nullopt);
    BOOST_TEST(
        only_bad(judged(tool::der::concatenated({frame.before, frame.after}), twin.trust()), tool::Aspect::signing_certificate));
}

BOOST_AUTO_TEST_CASE(ber_of_indefinite_length_is_read_in_pieces_of_any_size) {
    const Bio data = memory(content), out(BIO_new(BIO_s_mem()));
    const tool::CmsPointer cms(CMS_sign(pki().holder.get(), pki().key.get(), nullptr, data.get(), CMS_STREAM | CMS_BINARY));
    BOOST_REQUIRE(i2d_CMS_bio_stream(out.get(), cms.get(), data.get(), CMS_STREAM | CMS_BINARY) == 1);
    char* begin = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(out.get(), &begin));
    const Bytes ber(begin, begin + size);
    BOOST_REQUIRE(ber.at(1) == 0x80);
    BOOST_TEST(good(judged(ber, pki().trust())));
    Memory slow(ber, 1);
    tool::CmsDecoder decoder(slow);
    Taker taker;
    BOOST_TEST(tool::read_cms(decoder, taker).content_size == content.size());
}

BOOST_AUTO_TEST_CASE(pem_is_read_with_every_label_and_surrounding_text) {
    const Bytes der = ours(pki(), true);
    for (const char* label : {"CMS", "PKCS7", "PKCS #7 SIGNED DATA", "SIGNED MESSAGE"})
        for (const std::size_t piece : {std::size_t{1}, std::size_t{77}, std::size_t{1} << 16}) {
            tool::PemEncoder encoder(label);
            std::string text = "Subject: x\r\n" + encoder.begin();
            for (const std::uint8_t& byte : der) text += encoder.add({&byte, 1});
            text += encoder.end() + "more\n";
            const Bytes bytes = bytes_of(text);
            Memory source(bytes, piece);
            tool::CmsDecoder decoder(source);
            Taker taker;
            BOOST_TEST(tool::read_cms(decoder, taker).content_size == content.size());
        }
    const Bytes certificate = bytes_of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    Memory source(certificate);
    BOOST_CHECK_THROW(tool::CmsDecoder{source}, tool::MalformedCms);
}

BOOST_AUTO_TEST_CASE(every_truncation_and_flipped_bit_is_rejected_or_checked_without_crash) {
    for (const bool attached : {false, true}) {
        const Bytes der = ours(pki(), attached);
        const auto try_it = [&](const Bytes& changed) {
            try {
                Memory source(changed);
                tool::CmsDecoder decoder(source);
                Taker taker;
                const auto read = tool::read_cms(decoder, taker);
                const auto parsed = tool::parse_cms(read.structure);
                if (!parsed) return false;
                if (!read.attached) {
                    tool::want_digests_of_signers(*parsed, taker.digests);
                    taker.take(content);
                }
                const auto signers = tool::judge_signers(*parsed, taker.digests, pki().trust(), tool::now());
                return !signers.empty() && std::ranges::all_of(signers, &tool::SignerJudgement::good);
            } catch (const tool::MalformedCms&) {
                return false;
            }
        };
        BOOST_TEST(try_it(der));
        for (std::size_t size = 0; size < der.size(); size += 3)
            BOOST_TEST(!try_it(Bytes(der.begin(), der.begin() + static_cast<std::ptrdiff_t>(size))));
        Bytes longer = der;
        longer.push_back(0);
        BOOST_TEST(!try_it(longer));
        for (std::size_t at = 0; at < der.size(); at += 7) {
            Bytes changed = der;
            changed[at] ^= 0x80;
            try_it(changed);  // some bytes belong to no signature (the CA's own); the check is that nothing crashes
        }
    }
}

BOOST_AUTO_TEST_CASE(length_without_content_allocates_nothing) {
    const Bytes huge{0x30, 0x88, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0,
                     0x06, 0x88, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    Memory source(huge);
    tool::CmsDecoder decoder(source);
    Taker taker;
    BOOST_CHECK_THROW(tool::read_cms(decoder, taker), tool::MalformedCms);
    Bytes nested;
    for (int i = 0; i < 10000; ++i) nested.insert(nested.end(), {0x30, 0x80});
    Memory deep(nested);
    tool::CmsDecoder deep_decoder(deep);
    BOOST_CHECK_THROW(tool::read_cms(deep_decoder, taker), tool::MalformedCms);
}

BOOST_AUTO_TEST_CASE(sizes_above_four_gibibytes_are_encoded_and_read) {
    const std::uint64_t size = (std::uint64_t{1} << 32) + 5;
    const auto certificate = parse_certificate(pki().holder_der());
    const Bytes attributes = tool::signed_attributes(*certificate, Bytes(32), tool::now());
    const auto frame = tool::cms_frame(*certificate, {}, attributes, Bytes(256), size);
    // The content is last in the head: its own header has the size.
    const Bytes header = tool::der::header(der::octet_string, size);
    BOOST_TEST(std::ranges::equal(ByteView(frame.before).last(header.size()), header));
    const std::uint64_t outer = frame.before.size() + size + frame.after.size();
    const Bytes first = tool::der::header(der::sequence, outer - header.size());
    BOOST_TEST(std::ranges::equal(ByteView(frame.before).first(first.size()), first));
}

BOOST_AUTO_TEST_SUITE_END()
