// Shared by the tests of PINs: short names for calls, and another process that sends raw APDUs to the same card.
#pragma once

#include "fixture.hpp"
#include "test_clock.hpp"

#include "apdu/card.hpp"

namespace jpki::test {

namespace fake = jpki::fake;
namespace model = jpki::model;
using model::Fault;
using model::KeyUse;

inline const std::string consent_each = "[signature]\nconsent = \"each\"\n";
inline const Bytes text = {'t', 'e', 'x', 't'};

inline CK_SLOT_ID slot_of(KeyUse use) { return use == KeyUse::authentication ? auth_slot : sign_slot; }
inline std::size_t index(KeyUse use) { return static_cast<std::size_t>(use); }
inline const std::string& wrong_pin(KeyUse use) {
    static const std::string pins[] = {"0000", "WRONG1"};
    return pins[index(use)];
}
inline constexpr KeyUse both_keys[] = {KeyUse::authentication, KeyUse::signature};

inline std::size_t verifies(const CardModel& card, KeyUse use) { return card.counts().verify[index(use)]; }
inline std::size_t commands(const CardModel& card) { return card.counts().commands; }

inline CK_RV set_pin(CK_SESSION_HANDLE session, std::string old_pin, std::string new_pin) {
    return C_SetPIN(session, reinterpret_cast<CK_UTF8CHAR*>(old_pin.data()), static_cast<CK_ULONG>(old_pin.size()),
                    reinterpret_cast<CK_UTF8CHAR*>(new_pin.data()), static_cast<CK_ULONG>(new_pin.size()));
}

// For the module's clock: makes cached retry counters too old.
inline void let_a_second_pass() { test_clock::ahead += 1010; }

inline constexpr CK_FLAGS count_flags = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
inline CK_FLAGS token_flags(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(slot, &info));
    return info.flags;
}
inline CK_FLAGS pin_flags(CK_SLOT_ID slot) { return token_flags(slot) & count_flags; }

inline CK_RV sign_init(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    return C_SignInit(session, &mechanism, key);
}
// C_Sign of `text` with the operation that is active.
inline CK_RV finish_sign(CK_SESSION_HANDLE session, Bytes* signature = nullptr) {
    Bytes data = text;
    Bytes out(256);
    CK_ULONG length = static_cast<CK_ULONG>(out.size());
    const CK_RV rv = C_Sign(session, data.data(), static_cast<CK_ULONG>(data.size()), out.data(), &length);
    if (signature) *signature = out;
    return rv;
}
inline CK_RV try_sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
    Bytes signature;
    return sign(session, key, CKM_SHA256_RSA_PKCS, text, signature);
}

// --- another process ---

inline std::uint16_t other_sends(const Bytes& apdu) {
    const Bytes answer = fake::other_transmit(reader_name, apdu);
    BOOST_REQUIRE_GE(answer.size(), 2u);
    return static_cast<std::uint16_t>(answer[answer.size() - 2] << 8 | answer.back());
}
inline std::uint16_t other_selects_jpki() {
    return other_sends({0x00, 0xA4, 0x04, 0x0C, 0x0A, 0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01});
}
// SELECT, and a signature over five bytes: 9000 with an open login, 6982 without.
inline std::uint16_t other_signs(KeyUse use) {
    BOOST_REQUIRE_EQUAL(other_selects_jpki(), 0x9000);
    return other_sends(
        {0x80, 0x2A, 0x00, static_cast<std::uint8_t>(use == KeyUse::authentication ? 0x97 : 0x9A), 0x05, 1, 2, 3, 4, 5, 0x00});
}
inline std::uint16_t other_verifies(KeyUse use, const std::string& pin) {
    BOOST_REQUIRE_EQUAL(other_selects_jpki(), 0x9000);
    Bytes apdu = {0x00, 0x20, 0x00, static_cast<std::uint8_t>(use == KeyUse::authentication ? 0x98 : 0x9B),
                  static_cast<std::uint8_t>(pin.size())};
    apdu.insert(apdu.end(), pin.begin(), pin.end());
    return other_sends(apdu);
}
// Ends every login at the card (apdu/README.md, State).
inline void other_selects_another_application() {
    BOOST_REQUIRE_EQUAL(other_sends({0x00, 0xA4, 0x04, 0x0C, 0x07, 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00}), 0x9000);
}
inline void check_locked_for_others(KeyUse use) { BOOST_CHECK_EQUAL(other_signs(use), 0x6982); }

}  // namespace jpki::test
