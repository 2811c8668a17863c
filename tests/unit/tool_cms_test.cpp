// jpki-tool's CMS: OpenSSL reads what it builds, and it verifies what OpenSSL makes.
#include "tool_cms_fixture.hpp"

using namespace jpki;
using namespace jpki::test;

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

BOOST_AUTO_TEST_SUITE_END()
