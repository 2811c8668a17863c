// Shared by the tests of other programs.
#pragma once

#include "removal_fixture.hpp"

#include "apdu/card_clock.hpp"

#include <chrono>

namespace jpki::test {

inline const std::string impatient = "[reader]\nbusy_timeout_ms = 20\n";

// Of one call: its result, and that it did not wait longer than its limit, by the module's clock.
inline CK_RV bounded(const std::function<CK_RV()>& call) {
    const auto before = CardClock::now();
    const CK_RV rv = call();
    BOOST_CHECK(CardClock::now() - before < std::chrono::seconds(2));
    return rv;
}

inline CK_RV search(CK_SESSION_HANDLE session) {
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 0;
    if (const CK_RV rv = C_FindObjectsInit(session, nullptr, 0); rv != CKR_OK) return rv;
    const CK_RV rv = C_FindObjects(session, found, 8, &count);
    C_FindObjectsFinal(session);
    return rv;
}

}  // namespace jpki::test
