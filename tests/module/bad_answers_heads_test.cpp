// Certificate files whose first bytes give a wrong length: the module neither reads a long file because of them, nor beyond a
// buffer.
#include "bad_answers_fixture.hpp"

#include "fake_pcsc.hpp"

#include <atomic>

using namespace jpki::test;

namespace {

// A file of that size which begins with `head`.
std::shared_ptr<TestPki> pki_with(File file, const Bytes& head, std::size_t size) {
    const auto pki = copy_of_shared();
    Bytes& bytes = content(*pki, file);
    bytes = head;
    for (std::size_t i = bytes.size(); i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(i * 131 + 89));
    return pki;
}

struct Outcome {
    CK_RV rv = CKR_OK;
    std::size_t reads = 0, error_lines = 0;
};

// A search for the certificate in `file`, and the number of its READ BINARY commands.
Outcome search_for(File file, const std::shared_ptr<TestPki>& pki) {
    Knobs knobs;
    knobs.certificate_file_size = 0;  // as long as its content
    const LogFile log;
    Fixture f(log.settings(), knobs, pki);
    const auto session = f.open_logged_in(slot_of(file));
    const std::size_t lines_before = log.lines().size();
    std::atomic<std::size_t> reads = 0;
    jpki::fake::on_transmit([&](const std::string&, jpki::model::ByteView command) { reads += command[1] == 0xB0; });
    Outcome outcome;
    outcome.rv = search(session, CKO_CERTIFICATE, id_of(file)).rv;
    jpki::fake::on_transmit({});
    outcome.reads = reads;
    for (std::size_t i = lines_before; i < log.lines().size(); ++i)
        outcome.error_lines += log.lines()[i].find("error: ") != std::string::npos;
    return outcome;
}

struct Head {
    const char* name;
    Bytes bytes;
};
const Head heads[] = {
    {"an indefinite length", {0x30, 0x80}},
    {"a length in three bytes", {0x30, 0x83, 0x00, 0x06, 0xCD}},
    {"a length in four bytes", {0x30, 0x84, 0x00, 0x00, 0x06, 0xCD}},
    {"a length of 4 GiB", {0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF}},
    {"a length in eight bytes", {0x30, 0x88, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0xCD}},
    {"a length in eight bytes, as large as it gets", {0x30, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}},
    {"a length in 126 bytes, of zeros",
     [] {
         Bytes b(128);
         b[0] = 0x30;
         b[1] = 0xFE;
         return b;
     }()},
    {"a length in a reserved form", {0x30, 0xFF}},
    {"one byte more than any certificate has", {0x30, 0x82, 0x1F, 0xFD}},
    {"64 KiB", {0x30, 0x82, 0xFF, 0xFF}},
    {"a tag in the long form", {0x3F, 0x10, 0x82, 0x06, 0xCD}},
    {"a SEQUENCE with its tag in the long form", {0x3F, 0x81, 0x10, 0x82, 0x06, 0xCD}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile_heads)

BOOST_AUTO_TEST_CASE(head_of_no_certificate_is_error_after_second_read) {
    for (const File file : files)
        for (const Head& head : heads) BOOST_TEST_CONTEXT("file " << file << ": " << head.name) {
                const Outcome outcome = search_for(file, pki_with(file, head.bytes, 12000));
                CHECK_RV(outcome.rv, CKR_DEVICE_ERROR);
                BOOST_CHECK_EQUAL(outcome.error_lines, 1u);
                // The second time our application was selected just before; the other SELECT is for the card's identity.
                BOOST_CHECK_LE(outcome.reads, 3u);
            }
}

BOOST_AUTO_TEST_CASE(length_beyond_end_of_file_is_error_at_end_of_file) {
    for (const File file : files)
        for (const std::size_t size : {5u, 256u, 257u, 1000u, 8191u})
            BOOST_TEST_CONTEXT("file " << file << " of " << size << " bytes") {
                const Outcome outcome = search_for(file, pki_with(file, {0x30, 0x82, 0x1F, 0xFC}, size));
                CHECK_RV(outcome.rv, CKR_DEVICE_ERROR);
                BOOST_CHECK_EQUAL(outcome.error_lines, 1u);
                // The file twice, each with a last read at its end, by SFI and by SELECT EF.
                BOOST_CHECK_LE(outcome.reads, 2 * (size / 256 + 4));
            }
}

BOOST_AUTO_TEST_SUITE_END()
