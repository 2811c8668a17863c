// The order of calls does not matter: the answers, and about how many commands they cost, are the same in every order.
#include "card_kinds.hpp"
#include "pin_fixture.hpp"
#include "test_certificates.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>

using namespace jpki::test;

namespace {

bool offers_pss(CK_SLOT_ID slot) {
    CK_MECHANISM_INFO info{};
    return C_GetMechanismInfo(slot, CKM_RSA_PKCS_PSS, &info) == CKR_OK;
}

Knobs knobs_of(const char* kind) {
    const auto* found = jpki::model::find_card_kind(kind);
    BOOST_REQUIRE(found != nullptr);
    Knobs knobs;
    found->adjust(knobs);
    return knobs;
}

// A program that makes each of these calls once, on the authentication slot.
class Program {
public:
    explicit Program(Fixture& fixture) : fixture_(fixture) {}

    struct Step {
        const char* name;
        void (Program::*run)();
    };
    static const std::vector<Step>& steps() {
        static const std::vector<Step> all = {
            {"SlotList", &Program::slot_list},   {"TokenInfo", &Program::token_info}, {"MechanismList", &Program::mechanisms},
            {"FindObjects", &Program::find_all}, {"Login", &Program::log_in},         {"Sign", &Program::make_signature}};
        return all;
    }
    // The answers it got.
    std::map<std::string, std::string> told;
    bool signed_well = false;

private:
    void slot_list() {
        CK_ULONG count = 0;
        REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
        told["slots"] = std::to_string(count);
    }
    void token_info() { told["serial"] = token_serial(auth_slot); }
    void mechanisms() {
        CK_ULONG count = 0;
        REQUIRE_OK(C_GetMechanismList(auth_slot, nullptr, &count));
        told["mechanisms"] = std::to_string(count);
    }
    void find_all() {
        // The private key is visible only after the login.
        for (const auto object : find(session())) {
            if (attribute(session(), object, CKA_CLASS) == ulong_bytes(CKO_PRIVATE_KEY)) continue;
            const std::string name = label(object);
            for (const auto& [type, value] : all_attributes(session(), object))
                told[name + "/" + std::to_string(type)] = std::string(value.begin(), value.end());
        }
    }
    void log_in() {
        const CK_RV rv = fixture_.login(session(), auth_pin);
        BOOST_CHECK(rv == CKR_OK || (logged_in_ && rv == CKR_USER_ALREADY_LOGGED_IN));
        logged_in_ = true;
    }
    void make_signature() {
        if (!logged_in_) log_in();
        signed_well = openssl_verifies(fixture_.card->pki().authentication_certificate, CKM_SHA256_RSA_PKCS, text,
                                       signed_by(session(), find_key(session()), CKM_SHA256_RSA_PKCS, text));
    }
    static Bytes ulong_bytes(CK_ULONG value) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        return {bytes, bytes + sizeof value};
    }
    std::string label(CK_OBJECT_HANDLE object) {
        const Bytes bytes = attribute(session(), object, CKA_LABEL);
        return {bytes.begin(), bytes.end()};
    }
    CK_SESSION_HANDLE session() {
        if (session_ == 0) session_ = fixture_.open(auth_slot);
        return session_;
    }

    Fixture& fixture_;
    CK_SESSION_HANDLE session_ = 0;
    bool logged_in_ = false;
};

struct Ended {
    std::map<std::string, std::string> told;
    std::size_t commands = 0;
    bool signed_well = false;
};

Ended run(const Knobs& knobs, const std::vector<std::size_t>& order) {
    Fixture f(knobs);
    Program program(f);
    for (const std::size_t step : order) (program.*Program::steps()[step].run)();
    return {program.told, f.card->counts().commands, program.signed_well};
}

std::string name_of(const std::vector<std::size_t>& order) {
    std::string name;
    for (const std::size_t step : order) name += std::string(name.empty() ? "" : ", ") + Program::steps()[step].name;
    return name;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(orders)

// 720 orders of six calls; the session is opened by the first call that needs one. Without JPKI_ALL_ORDERS every seventh, which
// has each call at each position: under a sanitizer all of them take minutes.
BOOST_AUTO_TEST_CASE(answers_are_the_same_in_every_order_of_calls_with_bounded_commands) {
    std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
    const Ended first = run({}, order);
    BOOST_REQUIRE(first.signed_well);
    std::size_t most = 0, least = first.commands, run_now = 0, at = 0;
    const std::size_t step = std::getenv("JPKI_ALL_ORDERS") ? 1 : 7;
    do {
        if (at++ % step != 0) continue;
        ++run_now;
        const Ended one = run({}, order);
        most = std::max(most, one.commands);
        least = std::min(least, one.commands);
        BOOST_REQUIRE_MESSAGE(one.signed_well && one.told == first.told, name_of(order));
    } while (std::next_permutation(order.begin(), order.end()));
    BOOST_TEST_MESSAGE("counted: " << run_now << " orders, " << least << " to " << most << " commands");
    // Nothing is read twice: the orders differ in how often the application is selected, or checked to be, once per call.
    BOOST_CHECK_LE(most - least, 2 * order.size());
}

BOOST_AUTO_TEST_CASE(serial_number_is_the_same_before_and_after_login_in_every_order) {
    for (const char* kind :
         {"adult", "child", "phone", "iphone", "resident", "no-authentication", "bare", "no-short-forms", "strict"})
        BOOST_TEST_CONTEXT(kind) {
            const Knobs knobs = knobs_of(kind);
            const CK_SLOT_ID slot = knobs.has_authentication ? auth_slot : sign_slot;
            std::string serial;
            for (const bool looks_first : {true, false})
                for (const bool reads_first : {true, false}) {
                    Fixture f(knobs);
                    if (looks_first) {
                        const std::string before = token_serial(slot);
                        if (serial.empty()) serial = before;
                        BOOST_CHECK_EQUAL(before, serial);
                    }
                    const auto session = f.open_logged_in(slot);
                    if (reads_first) find(session);
                    BOOST_CHECK_EQUAL(token_serial(slot), serial);
                    REQUIRE_OK(C_Logout(session));
                    BOOST_CHECK_EQUAL(token_serial(slot), serial);
                }
        }
}

BOOST_AUTO_TEST_CASE(serial_number_is_hash_of_first_bytes_of_authentication_certificate) {
    for (const bool logged_in : {false, true}) {
        Fixture f;
        if (logged_in) f.open_logged_in(sign_slot);
        const Bytes& der = f.card->pki().authentication_certificate;
        unsigned char hash[32];
        BOOST_REQUIRE(EVP_Digest(der.data(), 256, hash, nullptr, EVP_sha256(), nullptr) == 1);
        char expected[17];
        for (int i = 0; i < 8; ++i) std::snprintf(expected + 2 * i, 3, "%02x", hash[i]);
        BOOST_CHECK_EQUAL(token_serial(auth_slot), expected);
        BOOST_CHECK_EQUAL(token_serial(sign_slot), expected);
    }
}

BOOST_AUTO_TEST_CASE(card_that_checks_pin_before_p1_is_probed_for_pss_again_after_login) {
    for (const bool pss : {true, false})
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot})
            for (const bool asked_before : {true, false}) {
                Knobs knobs;
                knobs.pss = pss;
                knobs.model = "E99X99XX";
                knobs.checks_pin_before_p1 = true;
                Fixture f(knobs);
                if (asked_before) BOOST_CHECK(!offers_pss(slot));
                const auto session = f.open_logged_in(slot);
                BOOST_CHECK_EQUAL(offers_pss(slot), pss);
                f.card->reset_counts();
                for (int i = 0; i < 3; ++i) BOOST_CHECK_EQUAL(offers_pss(slot), pss);
                BOOST_CHECK_EQUAL(f.card->counts().commands, 0u);
                if (!pss) continue;
                Bytes signature;
                CHECK_RV(sign(session, find_key(session), CKM_RSA_PKCS_PSS, Bytes(32, 7), signature), CKR_OK);
                REQUIRE_OK(C_Logout(session));
                BOOST_CHECK(offers_pss(slot));  // known from then on
            }
}

BOOST_AUTO_TEST_CASE(card_without_answer_about_pss_is_probed_once_before_and_once_after_login) {
    Knobs knobs;
    knobs.model = "E99X99XX";
    Fixture f(knobs);
    std::size_t probes = 0;
    jpki::fake::on_answer([&](const std::string&, jpki::model::ByteView command) -> std::optional<Bytes> {
        if (command[1] != 0x2A || command[2] != 0x7F) return std::nullopt;
        ++probes;
        return Bytes{0x6F, 0x00};
    });
    for (int i = 0; i < 3; ++i) BOOST_CHECK(!offers_pss(auth_slot));
    BOOST_CHECK_EQUAL(probes, 1u);
    const auto session = f.open_logged_in(auth_slot);
    for (int i = 0; i < 3; ++i) BOOST_CHECK(!offers_pss(auth_slot));
    BOOST_CHECK_EQUAL(probes, 2u);
    REQUIRE_OK(C_Logout(session));
    REQUIRE_OK(f.login(session, auth_pin));
    BOOST_CHECK(!offers_pss(auth_slot));
    BOOST_CHECK_EQUAL(probes, 2u);
    jpki::fake::on_answer({});
}

BOOST_AUTO_TEST_CASE(missing_authentication_certificate_without_existence_file_removes_key_and_token) {
    using Missing = Knobs::Missing;
    for (const auto missing : {Missing::not_found, Missing::empty, Missing::filler})
        for (const bool list_first : {true, false})
            BOOST_TEST_CONTEXT("missing " << static_cast<int>(missing) << (list_first ? ", listed first" : "")) {
                Knobs knobs;
                knobs.has_existence_file = false;
                knobs.has_authentication = false;
                knobs.missing_file = missing;
                Fixture f(knobs);
                CK_SESSION_HANDLE session = 0;
                if (!list_first) {
                    session = f.open(auth_slot);
                    f.login(session, auth_pin);                   // the PIN of a removed certificate still works
                    BOOST_CHECK_EQUAL(find(session).size(), 1u);  // the CA's certificate
                    BOOST_CHECK_EQUAL(find_class(session, CKO_PRIVATE_KEY).size(), 0u);
                }
                CK_TOKEN_INFO info{};
                CHECK_RV(C_GetTokenInfo(auth_slot, &info), CKR_TOKEN_NOT_PRESENT);
                CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_PRESENT);
                CK_ULONG count = 0;
                REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
                BOOST_CHECK_EQUAL(count, 1u);
                CHECK_RV(C_GetTokenInfo(sign_slot, &info), CKR_OK);
            }
}

BOOST_AUTO_TEST_CASE(both_existing_keys_are_offered_without_existence_file) {
    Knobs knobs;
    knobs.has_existence_file = false;
    for (const bool phone : {false, true}) {
        knobs.phone = phone;
        Fixture f(knobs);
        CK_TOKEN_INFO info{};
        for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
            CHECK_RV(C_GetTokenInfo(slot, &info), CKR_OK);
            const auto session = f.open_logged_in(slot);
            BOOST_CHECK_EQUAL(find_class(session, CKO_PRIVATE_KEY).size(), 1u);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
