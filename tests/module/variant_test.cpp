// The variants: a module with one key shows nothing of the other, not a slot, not a command.
#include "fixture.hpp"

using namespace jpki::test;
using jpki::model::KeyUse;

namespace {

#if defined(JPKI_VARIANT_AUTH)
constexpr KeyUse shown = KeyUse::authentication;
#else
constexpr KeyUse shown = KeyUse::signature;
#endif
constexpr bool auth = shown == KeyUse::authentication;
constexpr CK_SLOT_ID the_slot = 0;

const Bytes& certificate_of(const CardModel& card) {
    return auth ? card.pki().authentication_certificate : card.pki().signature_certificate;
}

}  // namespace

BOOST_AUTO_TEST_CASE(reader_has_one_slot_and_two_readers_two) {
    Fixture f;
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
    BOOST_CHECK_EQUAL(count, 1u);
    jpki::fake::add_reader("Another Reader 00 00");
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_CHECK_EQUAL(count, 2u);
    CK_SLOT_INFO info{};
    for (const CK_SLOT_ID slot : {0u, 1u}) {
        REQUIRE_OK(C_GetSlotInfo(slot, &info));
        const std::string text(info.slotDescription, info.slotDescription + sizeof info.slotDescription);
        BOOST_CHECK_MESSAGE(text.starts_with(auth ? "user authentication" : "digital signature"), text);
    }
    CHECK_RV(C_GetSlotInfo(2, &info), CKR_SLOT_ID_INVALID);
}

BOOST_AUTO_TEST_CASE(variant_token_lists_and_signs_without_using_other_key) {
    Fixture f;
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(the_slot, &info));
    const std::string label(info.label, info.label + sizeof info.label);
    BOOST_CHECK_MESSAGE(label.starts_with(auth ? "JPKI user authentication" : "JPKI digital signature"), label);
    std::vector<Bytes> commands;
    f.card->on_command(
        [&](jpki::model::ByteView command, jpki::model::ByteView) { commands.emplace_back(command.begin(), command.end()); });
    const auto session = f.open(the_slot);
    REQUIRE_OK(f.login(session, auth ? auth_pin : sign_pin));
    const auto objects = find(session);
    BOOST_CHECK_EQUAL(objects.size(), auth ? 5u : 4u);
    for (const auto object : objects) all_attributes(session, object);
    const auto keys = find_class(session, CKO_PRIVATE_KEY);
    BOOST_REQUIRE_EQUAL(keys.size(), 1u);
    BOOST_CHECK(attribute(session, keys[0], CKA_ID) ==
                Bytes{static_cast<std::uint8_t>(auth ? 1 : 2)});  // as in the module with both
    const Bytes data(10, 1);
    BOOST_CHECK(openssl_verifies(certificate_of(*f.card), CKM_SHA256_RSA_PKCS, data,
                                 signed_by(session, keys[0], CKM_SHA256_RSA_PKCS, data)));
    REQUIRE_OK(C_Logout(session));
    f.card->on_command({});
    BOOST_CHECK(!f.card->verified(KeyUse::authentication) && !f.card->verified(KeyUse::signature));
    // No command names a file, PIN or key of the other key (the authentication certificate is the card's identity).
    const std::vector<std::uint8_t> of_the_other =
        auth ? std::vector<std::uint8_t>{0x01, 0x02, 0x1A, 0x1B} : std::vector<std::uint8_t>{0x0B, 0x17, 0x18};
    for (const Bytes& command : commands)
        for (const std::uint8_t sfi : of_the_other) {
            const std::uint8_t named = command[1] == 0xB0                         ? command[2]
                                       : command[1] == 0x20 || command[1] == 0x2A ? command[3]
                                                                                  : 0;
            BOOST_CHECK_NE(static_cast<int>(named), 0x80 | sfi);
        }
}

BOOST_AUTO_TEST_CASE(token_information_queries_only_its_own_retry_counter) {
    Fixture f;
    bool other_asked = false;
    f.card->on_command([&](jpki::model::ByteView command, jpki::model::ByteView) {
        other_asked |= command[1] == 0x20 && command[3] == (auth ? 0x9B : 0x98);
    });
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(the_slot, &info));
    f.card->on_command({});
    BOOST_CHECK(!other_asked);
    BOOST_CHECK_LE(f.card->counts().commands, 4u);
}

BOOST_AUTO_TEST_CASE(card_without_key_has_no_token_in_variant) {
    Knobs knobs;
    (auth ? knobs.has_authentication : knobs.has_signature) = false;
    Fixture f(knobs);
    CK_TOKEN_INFO info{};
    CHECK_RV(C_GetTokenInfo(the_slot, &info), CKR_TOKEN_NOT_PRESENT);
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_TRUE, nullptr, &count));
    BOOST_CHECK_EQUAL(count, 0u);
}

BOOST_AUTO_TEST_CASE(card_without_other_key_is_complete_in_variant) {
    Knobs knobs;
    (auth ? knobs.has_signature : knobs.has_authentication) = false;
    Fixture f(knobs);
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(the_slot, &info));
    const auto session = f.open(the_slot);
    REQUIRE_OK(f.login(session, auth ? auth_pin : sign_pin));
    const Bytes data(10, 1);
    BOOST_CHECK(openssl_verifies(certificate_of(*f.card), CKM_SHA256_RSA_PKCS, data,
                                 signed_by(session, find_class(session, CKO_PRIVATE_KEY).at(0), CKM_SHA256_RSA_PKCS, data)));
}
