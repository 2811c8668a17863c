// jpki-tool doctor: a simulated machine for each finding; and the commands that survey may send.
#include "doctor.hpp"
#include "survey_card.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace tool = jpki::tool;
using tool::Facts;
using tool::Verdict;

namespace {

// A machine on which everything works, without a card.
Facts good() {
    Facts facts;
    facts.at = tool::now();
    facts.pcsc.pcscd_installed = facts.pcsc.answers = true;
    facts.pcsc.pcscd = {1, 9};
    facts.pcsc.ccid = {1, 5};
    facts.pcsc.socket = tool::PcscFacts::Socket::answered;
    facts.readers.emplace_back();
    facts.readers[0].view.name = "Reader 00 00";
    facts.readers[0].card = tool::ReaderFacts::Card::ours;
    facts.module.path = "/usr/lib/jpki-pkcs11.so";
    facts.module.exists = facts.module.loads = facts.module.p11_kit_there = facts.module.p11_kit_knows = true;
    facts.module.version = {JPKI_VERSION_MAJOR, JPKI_VERSION_MINOR};
    facts.engine = true;
    return facts;
}

std::optional<tool::Diagnosis> find(const Facts& facts, const std::string& code) {
    const auto findings = tool::judge(facts);
    const auto found = std::ranges::find(findings, code, &tool::Diagnosis::code);
    return found == findings.end() ? std::nullopt : std::optional(*found);
}

void finds(const Facts& facts, const std::string& code, Verdict verdict) {
    const auto finding = find(facts, code);
    BOOST_REQUIRE_MESSAGE(finding, code);
    BOOST_TEST((finding->verdict == verdict), code);
    BOOST_TEST((verdict == Verdict::ok) == finding->remedy.empty(), code);
    const auto otherwise = find(good(), code);
    BOOST_TEST((!otherwise || otherwise->verdict == Verdict::ok), code + " on a machine where all is well");
}

// A directory tree that is removed at the end.
struct Tree {
    std::filesystem::path root;
    Tree() {
        std::string name = "/tmp/tool-doctor.XXXXXX";
        root = ::mkdtemp(name.data());
    }
    ~Tree() { std::filesystem::remove_all(root); }
    void file(const std::string& path, const std::string& content) const {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path) << content;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tool_doctor)

BOOST_AUTO_TEST_CASE(machine_without_fault_has_no_warning) {
    for (const auto& finding : tool::judge(good())) BOOST_TEST((finding.verdict == Verdict::ok), finding.code);
}

BOOST_AUTO_TEST_CASE(worst_findings_come_last) {
    Facts facts = good();
    facts.module.exists = false;
    facts.engine = false;
    facts.readers[0].card = tool::ReaderFacts::Card::foreign;
    const auto findings = tool::judge(facts);
    BOOST_TEST(std::ranges::is_sorted(findings, {}, &tool::Diagnosis::verdict));
    BOOST_TEST((findings.back().verdict == Verdict::fault));
}

BOOST_AUTO_TEST_CASE(faults_of_pcscd_are_distinguished) {
    using Socket = tool::PcscFacts::Socket;
    Facts facts = good();
    facts.pcsc.answers = false;
    facts.readers.clear();
    finds(facts, "pcscd-version", Verdict::fault);
    facts.pcsc.socket = Socket::closed;
    finds(facts, "pcscd-refused", Verdict::fault);
    facts.pcsc.over_ssh = true;
    BOOST_TEST(find(facts, "pcscd-refused")->text.find("ssh") != std::string::npos);
    facts.pcsc.socket = Socket::missing;
    finds(facts, "pcscd-stopped", Verdict::fault);
    facts.pcsc.socket = Socket::refused;
    finds(facts, "pcscd-stopped", Verdict::fault);
    facts.pcsc.pcscd_installed = false;
    finds(facts, "pcscd-missing", Verdict::fault);
}

BOOST_AUTO_TEST_CASE(readers_that_pcscd_cannot_use_are_named) {
    Facts facts = good();
    facts.readers.clear();
    finds(facts, "no-reader", Verdict::fault);
    facts.usb.push_back({0x054C, 0x0DC9, true, nullptr});
    finds(facts, "usb-not-seen", Verdict::fault);
    facts.pcsc.pcscd = {2, 4};
    facts.pcsc.ccid = {1, 6};
    finds(facts, "ccid-too-old", Verdict::fault);
    BOOST_TEST(find(facts, "ccid-too-old")->text.find("LIBUSB_ERROR_ACCESS") != std::string::npos);
    facts.pcsc.ccid = {1, 7};
    finds(facts, "usb-not-seen", Verdict::fault);
    facts.usb = {{0x054C, 0x06C3, false, "Sony PaSoRi RC-S380/P"}};
    finds(facts, "usb-without-ccid", Verdict::fault);
    facts = good();
    facts.pcsc.pcscd = {2, 4};
    finds(facts, "ccid-old", Verdict::warning);
}

BOOST_AUTO_TEST_CASE(usb_devices_are_read_from_sys) {
    const Tree tree;
    tree.file("sys/bus/usb/devices/1-1/idVendor", "054c\n");
    tree.file("sys/bus/usb/devices/1-1/idProduct", "06c3\n");
    tree.file("sys/bus/usb/devices/1-1/1-1:1.0/bInterfaceClass", "ff\n");
    tree.file("sys/bus/usb/devices/1-2/idVendor", "054c\n");
    tree.file("sys/bus/usb/devices/1-2/idProduct", "0dc9\n");
    tree.file("sys/bus/usb/devices/1-2/1-2:1.0/bInterfaceClass", "0b\n");
    tree.file("sys/bus/usb/devices/1-3/idVendor", "046d\n");
    tree.file("sys/bus/usb/devices/1-3/idProduct", "c52b\n");
    tool::Places places;
    places.root = tree.root;
    auto readers = tool::look_at_usb(places);
    BOOST_REQUIRE_EQUAL(readers.size(), 2U);
    std::ranges::sort(readers, {}, &tool::UsbReader::product);
    BOOST_TEST(readers[0].name == std::string("Sony PaSoRi RC-S380/P"));
    BOOST_TEST(!readers[0].ccid);
    BOOST_TEST(readers[1].ccid);
    BOOST_TEST((readers[1].name == nullptr));
}

BOOST_AUTO_TEST_CASE(findings_match_state_of_card) {
    using Card = tool::ReaderFacts::Card;
    Facts facts = good();
    const auto with = [&](Card card) -> const Facts& {
        facts.readers[0].card = card;
        return facts;
    };
    finds(with(Card::none), "no-card", Verdict::warning);
    finds(with(Card::mute), "card-mute", Verdict::fault);
    finds(with(Card::busy), "card-busy", Verdict::warning);
    finds(with(Card::denied), "card-refused", Verdict::fault);
    finds(with(Card::foreign), "card-foreign", Verdict::warning);
    finds(with(Card::fault), "card-fault", Verdict::fault);
    facts.readers[0].holders = {{4711, "scdaemon"}};
    finds(with(Card::exclusive), "card-exclusive", Verdict::fault);
    BOOST_TEST(find(facts, "card-exclusive")->text.find("scdaemon (process 4711)") != std::string::npos);
    BOOST_TEST(find(facts, "card-exclusive")->remedy.find("gpgconf --kill scdaemon") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(findings_match_state_of_modules) {
    Facts facts = good();
    facts.module.version.second += 1;
    finds(facts, "module-version", Verdict::warning);
    facts.module.loads = false;
    finds(facts, "module-not-loadable", Verdict::fault);
    facts.module.exists = false;
    finds(facts, "module-missing", Verdict::fault);
    facts = good();
    facts.module.p11_kit_knows = false;
    finds(facts, "p11-kit", Verdict::fault);
}

BOOST_AUTO_TEST_CASE(tokens_of_opensc_are_found_in_listing_of_p11_kit) {
    Facts facts = good();
    tool::read_p11_kit_listing(
        "jpki-pkcs11: jpki-pkcs11.so\n    token: JPKI user authentication\n    token: JPKI digital signature\n"
        "opensc-pkcs11: opensc-pkcs11.so\n    token: JPKI (User Authentication PIN)\n    token: JPKI (Digital Signature PIN)\n",
        facts.module);
    BOOST_TEST(facts.module.tokens_of_ours == 2);
    BOOST_TEST(facts.module.tokens_of_opensc == 2);
    finds(facts, "opensc-double", Verdict::warning);
    tool::ModuleFacts other;
    tool::read_p11_kit_listing("opensc-pkcs11: opensc-pkcs11.so\n    token: PIV_II\n", other);
    BOOST_TEST(other.tokens_of_opensc == 0);
    BOOST_TEST(!other.p11_kit_knows);
}

BOOST_AUTO_TEST_CASE(wrong_clock_is_fault) {
    Facts facts = good();
    facts.at = tool::TimePoint{};
    finds(facts, "clock", Verdict::fault);
}

BOOST_AUTO_TEST_CASE(reader_names_lose_their_serial_numbers) {
    BOOST_TEST(tool::anonymous_reader("SONY FeliCa RC-S300/P (0520137) 00 00") == "SONY FeliCa RC-S300/P  00 00");
    BOOST_TEST(tool::anonymous_reader("Reader [CCID Interface] (A(B)C) 01") == "Reader   01");
    BOOST_TEST(tool::anonymous_reader("Reader (never closed") == "Reader ");
}

BOOST_AUTO_TEST_CASE(survey_sends_nothing_that_costs_a_try_changes_or_signs) {
    using tool::is_harmless;
    const auto with_length = [](std::uint8_t p1, std::size_t length) {
        jpki::Bytes apdu{0x80, 0x2A, p1, 0x97, static_cast<std::uint8_t>(length)};
        apdu.resize(apdu.size() + length);
        apdu.push_back(0);
        return apdu;
    };
    BOOST_TEST(is_harmless(jpki::Bytes{0x00, 0x20, 0x00, 0x98}));
    BOOST_TEST(is_harmless(jpki::Bytes{0x00, 0x20, 0x00, 0x98, 0x00}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x00, 0x20, 0x00, 0x98, 0x01}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x00, 0x20, 0x00, 0x98, 0x04, '1', '2', '3', '4'}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x00, 0x24, 0x01, 0x98, 0x04, '1', '2', '3', '4'}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x80, 0x32, 0x00, 0x00}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x80, 0xFC, 0x00, 0x00}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x80, 0x50, 0x00, 0x00, 0x00}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x80, 0x8A, 0x00, 0x00}));
    BOOST_TEST(!is_harmless(jpki::Bytes{0x00, 0xD6, 0x00, 0x00, 0x01, 0x00}));
    BOOST_TEST(!is_harmless(jpki::Bytes{}));
    for (unsigned p1 = 0; p1 < 256; ++p1)
        for (std::size_t length = 1; length <= 255; ++length) {
            const bool never_signs = ((p1 == 2 || p1 == 4 || p1 == 0x7F) && length == 1) || (p1 == 0 && length > 245);
            if (is_harmless(with_length(static_cast<std::uint8_t>(p1), length)) != never_signs)
                BOOST_ERROR("P1 " << p1 << ", " << length << " bytes");
        }
    BOOST_TEST(!is_harmless(jpki::Bytes{0x80, 0x2A, 0x00, 0x97, 0x00}));
}

BOOST_AUTO_TEST_SUITE_END()
