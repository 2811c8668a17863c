// Cards whose files are too short, too long, not DER, or have a wrong length: CKR_DEVICE_ERROR with one log line,
// or no such object where the file is empty; never a crash, and no effect on valid objects.
#include "bad_answers_fixture.hpp"

using namespace jpki::test;
using jpki::model::Fault;

namespace {

struct Spoiling {
    const char* name;
    void (*spoil)(Bytes&);
    bool only_without_filler = false;
};

void set_length(Bytes& der, std::size_t length) {
    der[2] = static_cast<std::uint8_t>(length >> 8);
    der[3] = static_cast<std::uint8_t>(length & 0xFF);
}

constexpr Spoiling spoilings[] = {
    {"a file cut in the middle", [](Bytes& b) { b.resize(b.size() / 2); }},
    // With filler behind it this would be a valid certificate except for its issuer's signature.
    {"a file cut by one byte", [](Bytes& b) { b.pop_back(); }, true},
    {"a file of one byte", [](Bytes& b) { b = {0x30}; }},
    {"a header and nothing else", [](Bytes& b) { b.resize(4); }},
    {"a length of one more",
     [](Bytes& b) {
         set_length(b, b.size() - 4 + 1);
         b.push_back(0);
     }},
    {"a length of one less", [](Bytes& b) { set_length(b, b.size() - 4 - 1); }},
    {"a length of 3", [](Bytes& b) { set_length(b, 3); }},
    {"a length beyond the file", [](Bytes& b) { set_length(b, 5000); }},
    {"a length of 64 KiB", [](Bytes& b) { set_length(b, 0xFFFF); }},
    {"a length of 4 GiB",
     [](Bytes& b) {
         b[1] = 0x84;
         b[2] = b[3] = b[4] = b[5] = 0xFF;
     }},
    {"a length of 126 bytes", [](Bytes& b) { b[1] = 0xFE; }},
    {"an indefinite length", [](Bytes& b) { b[1] = 0x80; }},
    {"an empty SEQUENCE",
     [](Bytes& b) {
         b = {0x30, 0x00};
         b.resize(300, 0xFF);
     }},
    {"another tag", [](Bytes& b) { b[0] = 0x04; }},
    {"a tag in the long form",
     [](Bytes& b) {
         b[0] = 0x3F;
         b[1] = 0x10;
     }},
    {"random bytes",
     [](Bytes& b) {
         for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<std::uint8_t>(i * 131 + 89);
     }},
    {"a SEQUENCE of garbage", [](Bytes& b) { std::fill(b.begin() + 4, b.end(), std::uint8_t{0x41}); }},
    {"a text",
     [](Bytes& b) {
         const char text[] = "<html>404</html>";
         b.assign(text, text + sizeof text);
     }},
};

}  // namespace

BOOST_AUTO_TEST_CASE(corrupted_certificate_is_device_error_with_one_log_line) {
    for (const File file : files)
        for (const Spoiling& spoiling : spoilings)
            for (const bool exact_file : {true, false})
                if (exact_file || !spoiling.only_without_filler)
                    BOOST_TEST_CONTEXT("file " << file << ": " << spoiling.name
                                               << (exact_file ? ", the file ends there" : ", then filler")) {
                        const auto pki = copy_of_shared();
                        spoiling.spoil(content(*pki, file));
                        Knobs knobs;
                        if (exact_file) knobs.certificate_file_size = 0;
                        const LogFile log;
                        Fixture f(log.settings(), knobs, pki);
                        const auto session = f.open_logged_in(slot_of(file));
                        const auto before = log.lines().size();
                        const Search result = search(session, CKO_CERTIFICATE, id_of(file));
                        CHECK_RV(result.rv, CKR_DEVICE_ERROR);
                        const auto lines = log.lines();
                        BOOST_CHECK_EQUAL(lines.size() - before, 1u);
                        if (lines.size() > before)
                            BOOST_CHECK_MESSAGE(lines.back().find("error: ") != std::string::npos, lines.back());
                        // The card, the session and the other key still work.
                        BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
                        const CK_SLOT_ID other = 1 - slot_of(file);
                        const auto elsewhere = f.open_logged_in(other);
                        const Bytes& certificate =
                            other == auth_slot ? f.card->pki().authentication_certificate : f.card->pki().signature_certificate;
                        BOOST_CHECK(openssl_verifies(certificate, CKM_RSA_PKCS, Bytes(20, 1),
                                                     signed_by(elsewhere, find_key(elsewhere), CKM_RSA_PKCS, Bytes(20, 1))));
                    }
}

BOOST_AUTO_TEST_CASE(corrupted_certificate_hides_no_other_object) {
    for (const File file : files)
        for (const Spoiling& spoiling : spoilings) BOOST_TEST_CONTEXT("file " << file << ": " << spoiling.name) {
                const auto pki = copy_of_shared();
                spoiling.spoil(content(*pki, file));
                Knobs knobs;
                knobs.certificate_file_size = 0;
                const LogFile log;
                Fixture f(log.settings("error"), knobs, pki);
                const auto session = f.open_logged_in(slot_of(file));
                const std::size_t lines = log.lines().size();
                CK_OBJECT_HANDLE objects[8];
                CK_ULONG count = 0;
                REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
                // One by one, as some programs do.
                std::size_t found = 0;
                for (CK_RV rv = CKR_OK; found < 8; found += count) {
                    rv = C_FindObjects(session, objects, 1, &count);
                    CHECK_RV(rv, CKR_OK);
                    if (rv != CKR_OK || count == 0) break;
                }
                REQUIRE_OK(C_FindObjectsFinal(session));
                // The CA certificate; or the holder's with its public key, and the signature key, whose signatures cannot be
                // checked.
                const std::size_t all = slot_of(file) == auth_slot ? 5 : 4;
                const std::size_t hidden = file == authentication_ca || file == signature_ca ? 1
                                           : file == signature_certificate                   ? 3
                                                                                             : 2;
                // The profile promises that certificates can be read without a login.
                const bool no_profile = file == authentication_certificate && found == all - hidden - 1;
                BOOST_CHECK_MESSAGE(found == all - hidden || no_profile, found);
                BOOST_CHECK_GE(log.lines().size(), lines + 1);
            }
}

BOOST_AUTO_TEST_CASE(signature_key_without_usable_certificate_does_not_sign_and_authentication_key_does) {
    for (const Spoiling& spoiling : spoilings) BOOST_TEST_CONTEXT(spoiling.name) {
            const auto pki = copy_of_shared();
            spoiling.spoil(pki->signature_certificate);
            spoiling.spoil(pki->authentication_certificate);
            Knobs knobs;
            knobs.certificate_file_size = 0;
            Fixture f(knobs, pki);
            const auto sign_session = f.open_logged_in(sign_slot);
            CHECK_RV(search(sign_session, CKO_PRIVATE_KEY, 2).rv, CKR_DEVICE_ERROR);
            BOOST_CHECK_EQUAL(f.card->counts().signatures[1], 0u);
            const auto session = f.open_logged_in(auth_slot);
            Bytes signature;
            CHECK_RV(sign(session, find_key(session), CKM_RSA_PKCS, Bytes(20, 1), signature), CKR_OK);
            BOOST_CHECK(openssl_verifies(TestPki::shared()->authentication_certificate, CKM_RSA_PKCS, Bytes(20, 1), signature));
        }
}

BOOST_AUTO_TEST_CASE(empty_or_filler_file_means_no_certificate_and_no_error) {
    for (const File file : files)
        for (const int filler : {-1, 0x00, 0xFF}) {
            const auto pki = copy_of_shared();
            content(*pki, file).clear();
            Knobs knobs;
            if (filler < 0) knobs.certificate_file_size = 0;
            else knobs.certificate_filler = static_cast<std::uint8_t>(filler);
            const LogFile log;
            Fixture f(log.settings(), knobs, pki);
            const auto session = f.open_logged_in(slot_of(file));
            const Search result = search(session, CKO_CERTIFICATE, id_of(file));
            CHECK_RV(result.rv, CKR_OK);
            BOOST_CHECK_EQUAL(result.found, 0u);
            BOOST_CHECK(log.lines().empty());
        }
}

BOOST_AUTO_TEST_CASE(certificate_is_read_exactly_without_filler_and_with_any_filler) {
    for (const std::size_t extra : {0u, 1u, 2u, 255u, 256u, 257u})
        for (const int filler : {0x00, 0x30, 0xFF}) {
            Knobs knobs;
            knobs.certificate_file_size = TestPki::shared()->authentication_certificate.size() + extra;
            knobs.certificate_filler = static_cast<std::uint8_t>(filler);
            Fixture f(knobs);
            const auto session = f.open(auth_slot);
            BOOST_CHECK(attribute(session, find_class(session, CKO_CERTIFICATE).at(0), CKA_VALUE) ==
                        f.card->pki().authentication_certificate);
        }
}

BOOST_AUTO_TEST_CASE(corrupted_token_information_and_existence_file_hide_no_key) {
    // GetTokenInfo of a new card: SELECT, EF 0008, the certificate's first bytes, both retry counters.
    for (const auto kind :
         {Fault::Kind::truncated, Fault::Kind::too_long, Fault::Kind::empty, Fault::Kind::sw_6f00, Fault::Kind::unknown_status})
        for (std::size_t at = 0; at < 6; ++at) BOOST_TEST_CONTEXT("fault " << static_cast<int>(kind) << " at " << at) {
                Fixture f;
                f.card->inject({kind, at});
                CK_TOKEN_INFO info{};
                for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
                    const CK_RV rv = C_GetTokenInfo(slot, &info);
                    BOOST_CHECK_MESSAGE(rv == CKR_OK || rv == CKR_DEVICE_ERROR, rv_name(rv));
                }
                f.card->inject({Fault::Kind::none, 0});
                CHECK_RV(C_GetTokenInfo(auth_slot, &info), CKR_OK);
                CHECK_RV(C_GetTokenInfo(sign_slot, &info), CKR_OK);
            }
}

BOOST_AUTO_TEST_CASE(certificates_that_do_not_match_and_differ_between_reads_are_not_returned) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const LogFile log;
        Fixture f(log.settings("error"));
        const auto session = f.open_logged_in(slot);
        // Each time another bit of the last part is wrong, in the signature of the certificate.
        std::size_t reads = 0;
        jpki::fake::on_answer([&](const std::string&, jpki::model::ByteView command) -> std::optional<Bytes> {
            Bytes answer = f.card->transmit(command);
            if (command[1] == 0xB0 && command[2] >= 0x01 && command[2] < 0x80 && answer.size() > 18 && answer.size() < 258)
                answer[++reads % 16] ^= 0x10;
            return answer;
        });
        CK_OBJECT_HANDLE objects[8];
        CK_ULONG count = 0;
        REQUIRE_OK(C_FindObjectsInit(session, nullptr, 0));
        CHECK_RV(C_FindObjects(session, objects, 8, &count), CKR_DEVICE_ERROR);
        jpki::fake::on_answer({});
        C_FindObjectsFinal(session);
        BOOST_CHECK_GE(reads, 3u);
        const auto lines = log.lines();
        BOOST_REQUIRE_EQUAL(lines.size(), 2u);  // that they were read again without success
        BOOST_CHECK(lines.back().find("two reads differ") != std::string::npos);
        // As soon as two reads of the card agree, the certificates are valid.
        const File holder = slot == auth_slot ? authentication_certificate : signature_certificate;
        const Search again = search(f.open(slot), CKO_CERTIFICATE, id_of(holder));
        CHECK_RV(again.rv, CKR_OK);
        BOOST_CHECK_EQUAL(again.found, 1u);
    }
}

BOOST_AUTO_TEST_CASE(one_wrong_answer_about_keys_removes_no_token) {
    for (const bool list_first : {true, false})
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            Fixture f;
            bool told = false;
            jpki::fake::on_answer([&](const std::string&, jpki::model::ByteView command) -> std::optional<Bytes> {
                if (command[1] != 0xB0 || command[2] != 0x88 || std::exchange(told, true)) return std::nullopt;
                return Bytes{0x00, 0x00, 0x00, 0x90, 0x00};
            });
            if (!list_first) f.open(slot);
            CK_TOKEN_INFO info{};
            CHECK_RV(C_GetTokenInfo(slot, &info), CKR_OK);
            jpki::fake::on_answer({});
            REQUIRE_OK(f.login(f.open(slot), slot == auth_slot ? "1234" : "ABC123"));
        }
}
