// jpki-tool's CMS: BER and PEM in pieces of any size, large files, and files that are not CMS.
#include "tool_cms_fixture.hpp"

using namespace jpki;
using namespace jpki::test;

BOOST_AUTO_TEST_SUITE(tool_cms_reading)

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
    const auto trust = pki().trust();
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
                const auto signers = tool::judge_signers(*parsed, taker.digests, trust, tool::now());
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
