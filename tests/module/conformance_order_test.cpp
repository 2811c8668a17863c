// Which error is returned where two apply: that of the slot or token before that of the arguments (PKCS#11 2.40, 5.1).
#include "fixture.hpp"

#include <functional>

using namespace jpki::test;

namespace {

struct Call {
    const char* name;
    std::function<CK_RV(CK_SLOT_ID)> with_bad_arguments;
    CK_RV with_a_good_slot;
};

const std::vector<Call>& token_calls() {
    static CK_SESSION_HANDLE session;
    static const std::vector<Call> calls = {
        {"C_GetTokenInfo", [](CK_SLOT_ID slot) { return C_GetTokenInfo(slot, nullptr); }, CKR_ARGUMENTS_BAD},
        {"C_GetMechanismList", [](CK_SLOT_ID slot) { return C_GetMechanismList(slot, nullptr, nullptr); }, CKR_ARGUMENTS_BAD},
        {"C_GetMechanismInfo", [](CK_SLOT_ID slot) { return C_GetMechanismInfo(slot, CKM_RSA_PKCS, nullptr); },
         CKR_ARGUMENTS_BAD},
        {"C_OpenSession, nowhere to put it",
         [](CK_SLOT_ID slot) { return C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, nullptr); }, CKR_ARGUMENTS_BAD},
        {"C_OpenSession, parallel", [](CK_SLOT_ID slot) { return C_OpenSession(slot, 0, nullptr, nullptr, &session); },
         CKR_SESSION_PARALLEL_NOT_SUPPORTED},
        {"C_OpenSession, unknown flag",
         [](CK_SLOT_ID slot) { return C_OpenSession(slot, CKF_SERIAL_SESSION | 0x100, nullptr, nullptr, &session); },
         CKR_ARGUMENTS_BAD},
    };
    return calls;
}

}  // namespace

BOOST_AUTO_TEST_CASE(empty_slot_is_reported_before_bad_argument) {
    Fixture f;
    jpki::fake::add_reader("Fake Reader 01 00");
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_REQUIRE_EQUAL(count, 4u);
    for (const Call& call : token_calls()) BOOST_TEST_CONTEXT(call.name) {
            CHECK_RV(call.with_bad_arguments(2), CKR_TOKEN_NOT_PRESENT);
            CHECK_RV(call.with_bad_arguments(4), CKR_SLOT_ID_INVALID);
            CHECK_RV(call.with_bad_arguments(auth_slot), call.with_a_good_slot);
        }
}

BOOST_AUTO_TEST_CASE(invalid_slot_is_reported_before_bad_argument) {
    Fixture f;
    CHECK_RV(C_GetSlotInfo(2, nullptr), CKR_SLOT_ID_INVALID);
    CHECK_RV(C_GetSlotInfo(auth_slot, nullptr), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_InitToken(2, nullptr, 0, nullptr), CKR_SLOT_ID_INVALID);
    CHECK_RV(C_InitToken(auth_slot, nullptr, 0, nullptr), CKR_ARGUMENTS_BAD);
}

BOOST_AUTO_TEST_CASE(close_all_sessions_closes_those_of_its_slot_only) {
    Fixture f;
    const auto first = f.open(auth_slot), second = f.open(auth_slot, CKF_RW_SESSION), other = f.open(sign_slot);
    REQUIRE_OK(C_CloseAllSessions(auth_slot));
    CK_SESSION_INFO info{};
    for (const auto closed : {first, second}) CHECK_RV(C_GetSessionInfo(closed, &info), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_GetSessionInfo(other, &info), CKR_OK);
    BOOST_CHECK_EQUAL(info.slotID, sign_slot);
}
