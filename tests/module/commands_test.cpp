// Commands counted at the card, with the limits of module/README.md. Certificates of about 1550 bytes.
#include "fixture.hpp"

using namespace jpki::test;
using jpki::model::KeyUse;
namespace fake = jpki::fake;
namespace model = jpki::model;

namespace {

std::size_t chunks(std::size_t size) { return (size + 255) / 256; }

std::size_t bytes_both_ways(const CardModel& card) { return card.counts().bytes_in + card.counts().bytes_out; }

struct CommandCounts : Fixture {
    CommandCounts() : Fixture() {}
    std::size_t commands() const { return card->counts().commands; }
};

const Bytes text = {'t', 'e', 'x', 't'};

}  // namespace

BOOST_AUTO_TEST_CASE(initialising_and_polling_slots_and_sessions_sends_no_command) {
    CommandCounts f;
    CK_ULONG first = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &first));
    BOOST_CHECK_EQUAL(f.commands(), 0u);
    REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &first));  // examines the inserted card, once
    BOOST_CHECK_LE(f.commands(), 2u);
    const auto session = f.open(auth_slot);
    f.card->reset_counts();
    for (int i = 0; i < 100; ++i) {
        CK_ULONG count = 0;
        REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
        BOOST_REQUIRE_EQUAL(count, 2u);
        CK_SLOT_INFO slot{};
        REQUIRE_OK(C_GetSlotInfo(auth_slot, &slot));
        REQUIRE_OK(C_GetSlotInfo(sign_slot, &slot));
        BOOST_REQUIRE(f.state(session) == CKS_RO_PUBLIC_SESSION);
    }
    BOOST_CHECK_EQUAL(f.commands(), 0u);
}

BOOST_AUTO_TEST_CASE(token_information_of_both_slots_in_fresh_process_takes_5_commands) {
    CommandCounts f;
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &info));
    REQUIRE_OK(C_GetTokenInfo(sign_slot, &info));
    BOOST_CHECK_LE(f.commands(), 5u);
}

// C_GetTokenInfo reads what it needs and what is not known yet in one transaction, after any other calls.
BOOST_AUTO_TEST_CASE(token_information_after_open_session_takes_5_commands_in_total) {
    CommandCounts f;
    f.open(auth_slot);
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &info));
    BOOST_CHECK_LE(f.commands(), 5u);
}

BOOST_AUTO_TEST_CASE(token_information_after_login_and_signature_takes_9_commands_in_total) {
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        CommandCounts f;
        const auto session = f.open_logged_in(slot);
        signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
        std::size_t read_token_information = 0;
        fake::on_transmit([&](const std::string&, model::ByteView command) {
            read_token_information += command[1] == 0xB0 && command[2] == 0x86;
        });
        const std::size_t before = f.commands();
        CK_TOKEN_INFO info{};
        REQUIRE_OK(C_GetTokenInfo(slot, &info));
        fake::on_transmit({});
        BOOST_CHECK_LE(f.commands() - before, 5u);
        if (slot == auth_slot) BOOST_CHECK_LE(f.commands(), 9u);
        BOOST_CHECK_LE(read_token_information, 1u);
    }
}

BOOST_AUTO_TEST_CASE(token_information_after_mechanism_list_takes_7_commands_in_total) {
    CommandCounts f;
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetMechanismList(auth_slot, nullptr, &count));
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &info));
    BOOST_CHECK_LE(f.commands(), 7u);
}

BOOST_AUTO_TEST_CASE(token_information_is_read_in_one_transaction_in_any_order) {
    for (int first = 0; first < 4; ++first) {
        CommandCounts f;
        CK_ULONG count = 0;
        if (first == 1) f.open(auth_slot);
        if (first == 2) REQUIRE_OK(C_GetMechanismList(auth_slot, nullptr, &count));
        if (first == 3) {
            const auto session = f.open_logged_in(auth_slot);
            signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
        }
        std::vector<std::size_t> transactions;  // that had a command
        fake::on_transmit(
            [&](const std::string&, model::ByteView) { transactions.push_back(fake::calls(fake::Function::begin_transaction)); });
        CK_TOKEN_INFO info{};
        REQUIRE_OK(C_GetTokenInfo(auth_slot, &info));
        fake::on_transmit({});
        BOOST_REQUIRE(!transactions.empty());
        BOOST_CHECK_EQUAL(transactions.front(), transactions.back());
    }
}

BOOST_AUTO_TEST_CASE(first_signature_takes_4_commands_and_400_bytes) {
    CommandCounts f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
    BOOST_CHECK_LE(f.commands(), 4u);
    BOOST_CHECK_LE(bytes_both_ways(*f.card), 400u);
}

BOOST_AUTO_TEST_CASE(each_further_signature_with_authentication_key_takes_1_command) {
    CommandCounts f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
    f.card->reset_counts();
    for (int i = 0; i < 5; ++i) signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
    BOOST_CHECK_EQUAL(f.commands(), 5u);
}

BOOST_AUTO_TEST_CASE(all_objects_of_authentication_slot_take_at_most_tenth_more_than_their_bytes) {
    CommandCounts f;
    const auto session = f.open_logged_in(auth_slot);
    const auto objects = find(session);
    BOOST_CHECK_EQUAL(objects.size(), 5u);
    for (const auto object : objects) all_attributes(session, object);
    const auto& pki = f.card->pki();
    const std::size_t der = pki.authentication_certificate.size() + pki.authentication_ca.size();
    BOOST_TEST_MESSAGE("counted: " << f.commands() << " commands, " << bytes_both_ways(*f.card) << " bytes for " << der
                                   << " bytes of DER");
    BOOST_CHECK_LE(f.commands(), chunks(pki.authentication_certificate.size()) + chunks(pki.authentication_ca.size()) + 4);
    BOOST_CHECK_LE(bytes_both_ways(*f.card), der + der / 10);
}

BOOST_AUTO_TEST_CASE(login_and_certificate_of_signature_key_take_3_commands_and_certificate) {
    CommandCounts f;
    const auto session = f.open_logged_in(sign_slot);
    CK_OBJECT_CLASS object_class = CKO_CERTIFICATE;
    unsigned char id = 2;
    const auto found = find(session, {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, &id, 1}});
    BOOST_REQUIRE_EQUAL(found.size(), 1u);
    BOOST_CHECK(attribute(session, found.front(), CKA_VALUE) == f.card->pki().signature_certificate);
    BOOST_CHECK_LE(f.commands(), 3 + chunks(f.card->pki().signature_certificate.size()));
}

BOOST_AUTO_TEST_CASE(each_further_signature_with_signature_key_takes_1_command) {
    CommandCounts f;
    const auto session = f.open_logged_in(sign_slot);
    const auto key = find_key(session);
    signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
    f.card->reset_counts();
    for (int i = 0; i < 5; ++i) signed_by(session, key, CKM_SHA256_RSA_PKCS, text);
    BOOST_CHECK_EQUAL(f.commands(), 5u);
}

BOOST_AUTO_TEST_CASE(signature_with_consent_takes_4_commands_and_leaves_no_login) {
    Fixture f("[signature]\nconsent = \"each\"\n");
    const auto session = f.open_logged_in(sign_slot);
    const auto key = find_key(session);
    f.card->reset_counts();
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    REQUIRE_OK(C_SignInit(session, &mechanism, key));
    REQUIRE_OK(f.login(session, sign_pin, CKU_CONTEXT_SPECIFIC));
    Bytes data = text;
    Bytes signature(256);
    CK_ULONG length = 256;
    REQUIRE_OK(C_Sign(session, data.data(), static_cast<CK_ULONG>(data.size()), signature.data(), &length));
    BOOST_CHECK_LE(f.card->counts().commands, 4u);
    BOOST_CHECK(!f.card->verified(KeyUse::signature));
    BOOST_CHECK(openssl_verifies(f.card->pki().signature_certificate, CKM_SHA256_RSA_PKCS, text, signature));
}

BOOST_AUTO_TEST_CASE(key_type_of_certificate_that_was_read_takes_no_command) {
    Knobs knobs;
    knobs.model = "E99X99XX";  // not one whose key type is known
    Fixture f("[mechanisms]\npss = \"off\"\n", knobs);
    const auto session = f.open(auth_slot);
    const auto key = find_class(session, CKO_PUBLIC_KEY).at(0);
    f.card->reset_counts();
    BOOST_CHECK_EQUAL(attribute(session, key, CKA_KEY_TYPE).size(), sizeof(CK_KEY_TYPE));
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetMechanismList(auth_slot, nullptr, &count));
    BOOST_CHECK_EQUAL(f.card->counts().commands, 0u);
}

BOOST_AUTO_TEST_CASE(search_that_class_alone_answers_sends_no_command_in_any_order_of_template) {
    CommandCounts f;
    const auto session = f.open(auth_slot);
    f.card->reset_counts();
    CK_OBJECT_CLASS object_class = CKO_DATA;
    unsigned char byte = 1;
    for (const CK_ATTRIBUTE_TYPE of_card : {CKA_VALUE, CKA_SUBJECT, CKA_SERIAL_NUMBER, CKA_MODULUS, CKA_KEY_TYPE})
        for (const bool class_first : {true, false}) {
            std::vector<CK_ATTRIBUTE> wanted = {{CKA_CLASS, &object_class, sizeof object_class}, {of_card, &byte, 1}};
            if (!class_first) std::swap(wanted[0], wanted[1]);
            BOOST_CHECK(find(session, wanted).empty());
        }
    BOOST_CHECK_EQUAL(f.commands(), 0u);
}

BOOST_AUTO_TEST_CASE(attribute_of_another_key_type_takes_2_commands_and_reads_no_certificate) {
    CommandCounts f;
    const auto session = f.open_logged_in(auth_slot);
    const auto key = find_key(session);
    f.card->reset_counts();
    CK_ATTRIBUTE curve = {CKA_EC_PARAMS, nullptr, 0};
    CHECK_RV(C_GetAttributeValue(session, key, &curve, 1), CKR_ATTRIBUTE_TYPE_INVALID);
    BOOST_CHECK_LE(f.commands(), 2u);  // EF 0006
}

BOOST_AUTO_TEST_CASE(search_that_CKA_PRIVATE_answers_sends_no_command) {
    CommandCounts f;
    const auto auth = f.open_logged_in(auth_slot), sign = f.open_logged_in(sign_slot);
    f.card->reset_counts();
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_OBJECT_CLASS public_key = CKO_PUBLIC_KEY, certificate = CKO_CERTIFICATE;
    CK_ULONG authority = 2;
    // The public key of the signature is private, as its certificate; a CA certificate never is.
    BOOST_CHECK(find(sign, {{CKA_CLASS, &public_key, sizeof public_key}, {CKA_PRIVATE, &no, 1}}).empty());
    for (const auto session : {auth, sign})
        BOOST_CHECK(find(session, {{CKA_CLASS, &certificate, sizeof certificate},
                                   {CKA_CERTIFICATE_CATEGORY, &authority, sizeof authority},
                                   {CKA_PRIVATE, &yes, 1}})
                        .empty());
    BOOST_CHECK_EQUAL(f.commands(), 0u);
}
