// Shared by the tests of card recognition.
#pragma once

#include "other_programs_fixture.hpp"

#include "apdu/card.hpp"
#include "apdu/card_clock.hpp"
#include "apdu/pcsc_link.hpp"
#include "card_kinds.hpp"
#include "gate.hpp"
#include "test_clock.hpp"

#include <future>
#include <stdexcept>

namespace jpki::test {

using Slots = std::vector<CK_SLOT_ID>;

inline Knobs knobs_of(const char* kind) {
    Knobs knobs;
    const model::CardKind* found = model::find_card_kind(kind);
    BOOST_REQUIRE(found);
    found->adjust(knobs);
    return knobs;
}

// Requirements of these functions; by exception, since threads use them and Boost.Test's checks are for one thread at a time.
inline void need_ok(CK_RV rv) {
    if (rv != CKR_OK) throw std::runtime_error(rv_name(rv));
}

inline bool says_present(CK_SLOT_ID slot) {
    CK_SLOT_INFO info{};
    need_ok(C_GetSlotInfo(slot, &info));
    return info.flags & CKF_TOKEN_PRESENT;
}

inline Slots slots_with_token() {
    Slots slots(32);
    CK_ULONG count = 32;
    need_ok(C_GetSlotList(CK_TRUE, slots.data(), &count));
    slots.resize(count);
    return slots;
}

// All pending events of C_WaitForSlotEvent, in ascending order.
inline Slots slot_events() {
    Slots all;
    CK_SLOT_ID slot = 99;
    while (C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr) == CKR_OK) {
        all.push_back(slot);
        BOOST_REQUIRE_LT(all.size(), 100u);
    }
    std::sort(all.begin(), all.end());
    return all;
}

inline CK_RV token_info(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    return C_GetTokenInfo(slot, &info);
}

inline CK_RV open_session(CK_SLOT_ID slot) {
    CK_SESSION_HANDLE session = 0;
    const CK_RV rv = C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
    if (rv == CKR_OK) need_ok(C_CloseSession(session));
    return rv;
}

// What NSS reads of every slot before a TLS handshake. Checks each call's result.
inline void nss_looks(CK_RV token, CK_RV session) {
    slots_with_token();
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        says_present(slot);
        CHECK_RV(token_info(slot), token);
        CHECK_RV(open_session(slot), session);
    }
}

// By the module's clock, with the sleeps of test_clock::SleepsTakeNoTime.
inline std::chrono::milliseconds time_of(const std::function<void()>& calls) {
    const auto before = CardClock::now();
    calls();
    return std::chrono::duration_cast<std::chrono::milliseconds>(CardClock::now() - before);
}

inline bool is_select_of_ours(model::ByteView command) { return command[1] == 0xA4 && command[2] == 0x04 && command[5] == 0xD3; }

}  // namespace jpki::test
