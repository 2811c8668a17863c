// Every function of CK_FUNCTION_LIST and CK_FUNCTION_LIST_3_0: complete, since the test iterates over the module's own
// lists. Before C_Initialize, with an invalid slot or session, and with only a valid slot or session.
#include "fixture.hpp"

#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <type_traits>

using namespace jpki::test;

namespace {

// The target of a pointer argument: zeros, enough for every structure of the standard.
alignas(16) unsigned char scratch[4096];

enum class Arguments { nothing, something };

template <class T> T argument(Arguments arguments) {
    if constexpr (!std::is_pointer_v<T>) return static_cast<T>(arguments == Arguments::something ? CKF_SERIAL_SESSION : 0);
    else if constexpr (std::is_function_v<std::remove_pointer_t<T>>) return nullptr;
    else return arguments == Arguments::something ? static_cast<T>(static_cast<void*>(scratch)) : nullptr;
}

// Calls the function with `subject` as its first argument if that is a slot or a session, and the others as requested.
template <class First, class... Rest> CK_RV call(CK_RV (*function)(First, Rest...), CK_ULONG subject, Arguments arguments) {
    std::memset(scratch, 0, sizeof scratch);
    if constexpr (std::is_same_v<First, CK_ULONG>) return function(subject, argument<Rest>(arguments)...);
    else return function(argument<First>(arguments), argument<Rest>(arguments)...);
}

using Caller = std::function<CK_RV(CK_ULONG subject, Arguments)>;

std::map<std::string, Caller> all_functions() {
    return {
#define JPKI_MEMBER(name) {#name, [](CK_ULONG subject, Arguments arguments) { return call(&name, subject, arguments); }},
#include "module/functions_v2.inc"
#include "module/functions_v3.inc"
#undef JPKI_MEMBER
    };
}

enum class Subject { none, slot, session };

struct Row {
    const char* name;
    Subject subject;
    CK_RV dead;     // invalid slot or session, all other arguments given
    CK_RV nothing;  // valid slot or session, all other arguments 0 or NULL
};

constexpr CK_RV bad_session = CKR_SESSION_HANDLE_INVALID;
constexpr CK_RV bad_slot = CKR_SLOT_ID_INVALID;
constexpr CK_RV bad_arguments = CKR_ARGUMENTS_BAD;
constexpr CK_RV no_operation = CKR_OPERATION_NOT_INITIALIZED;

constexpr Row rows[] = {
    {"C_Initialize", Subject::none, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_CRYPTOKI_ALREADY_INITIALIZED},
    {"C_Finalize", Subject::none, bad_arguments, CKR_OK},
    {"C_GetInfo", Subject::none, CKR_OK, bad_arguments},
    {"C_GetFunctionList", Subject::none, CKR_OK, bad_arguments},
    {"C_GetInterfaceList", Subject::none, CKR_BUFFER_TOO_SMALL, bad_arguments},
    {"C_GetInterface", Subject::none, bad_arguments, bad_arguments},
    {"C_GetSlotList", Subject::none, CKR_BUFFER_TOO_SMALL, bad_arguments},
    {"C_WaitForSlotEvent", Subject::none, bad_arguments, bad_arguments},  // its last argument is reserved
    {"C_GetSlotInfo", Subject::slot, bad_slot, bad_arguments},
    {"C_GetTokenInfo", Subject::slot, bad_slot, bad_arguments},
    {"C_GetMechanismList", Subject::slot, bad_slot, bad_arguments},
    {"C_GetMechanismInfo", Subject::slot, bad_slot, bad_arguments},
    {"C_InitToken", Subject::slot, bad_slot, bad_arguments},
    {"C_OpenSession", Subject::slot, bad_slot, bad_arguments},
    {"C_CloseAllSessions", Subject::slot, bad_slot, CKR_OK},
    {"C_CloseSession", Subject::session, bad_session, CKR_OK},
    {"C_GetSessionInfo", Subject::session, bad_session, bad_arguments},
    {"C_SessionCancel", Subject::session, bad_session, CKR_OK},
    {"C_Login", Subject::session, bad_session, CKR_USER_TYPE_INVALID},  // 0 is the security officer
    {"C_LoginUser", Subject::session, bad_session, CKR_USER_TYPE_INVALID},
    {"C_Logout", Subject::session, bad_session, CKR_USER_NOT_LOGGED_IN},
    {"C_InitPIN", Subject::session, bad_session, CKR_USER_NOT_LOGGED_IN},
    {"C_SetPIN", Subject::session, bad_session, bad_arguments},
    {"C_GetObjectSize", Subject::session, bad_session, bad_arguments},
    {"C_GetAttributeValue", Subject::session, bad_session, bad_arguments},
    {"C_FindObjectsInit", Subject::session, bad_session, CKR_OK},
    {"C_FindObjects", Subject::session, bad_session, bad_arguments},
    {"C_FindObjectsFinal", Subject::session, bad_session, no_operation},
    {"C_DigestInit", Subject::session, bad_session, bad_arguments},
    {"C_Digest", Subject::session, bad_session, no_operation},
    {"C_DigestUpdate", Subject::session, bad_session, no_operation},
    {"C_DigestKey", Subject::session, bad_session, no_operation},
    {"C_DigestFinal", Subject::session, bad_session, no_operation},
    {"C_SignInit", Subject::session, bad_session, bad_arguments},
    {"C_Sign", Subject::session, bad_session, no_operation},
    {"C_SignUpdate", Subject::session, bad_session, no_operation},
    {"C_SignFinal", Subject::session, bad_session, no_operation},
    {"C_VerifyInit", Subject::session, bad_session, bad_arguments},
    {"C_Verify", Subject::session, bad_session, no_operation},
    {"C_VerifyUpdate", Subject::session, bad_session, no_operation},
    {"C_VerifyFinal", Subject::session, bad_session, no_operation},
    {"C_SeedRandom", Subject::session, bad_session, CKR_RANDOM_NO_RNG},
    {"C_GenerateRandom", Subject::session, bad_session, CKR_RANDOM_NO_RNG},
    {"C_GetFunctionStatus", Subject::session, CKR_FUNCTION_NOT_PARALLEL, CKR_FUNCTION_NOT_PARALLEL},  // whatever the session
    {"C_CancelFunction", Subject::session, CKR_FUNCTION_NOT_PARALLEL, CKR_FUNCTION_NOT_PARALLEL},
};

// Unsupported by design: CKR_FUNCTION_NOT_SUPPORTED with any arguments.
const std::set<std::string> not_supported = {"C_GetOperationState",
                                             "C_SetOperationState",
                                             "C_CreateObject",
                                             "C_CopyObject",
                                             "C_DestroyObject",
                                             "C_SetAttributeValue",
                                             "C_EncryptInit",
                                             "C_Encrypt",
                                             "C_EncryptUpdate",
                                             "C_EncryptFinal",
                                             "C_DecryptInit",
                                             "C_Decrypt",
                                             "C_DecryptUpdate",
                                             "C_DecryptFinal",
                                             "C_SignRecoverInit",
                                             "C_SignRecover",
                                             "C_VerifyRecoverInit",
                                             "C_VerifyRecover",
                                             "C_DigestEncryptUpdate",
                                             "C_DecryptDigestUpdate",
                                             "C_SignEncryptUpdate",
                                             "C_DecryptVerifyUpdate",
                                             "C_GenerateKey",
                                             "C_GenerateKeyPair",
                                             "C_WrapKey",
                                             "C_UnwrapKey",
                                             "C_DeriveKey",
                                             "C_MessageEncryptInit",
                                             "C_EncryptMessage",
                                             "C_EncryptMessageBegin",
                                             "C_EncryptMessageNext",
                                             "C_MessageEncryptFinal",
                                             "C_MessageDecryptInit",
                                             "C_DecryptMessage",
                                             "C_DecryptMessageBegin",
                                             "C_DecryptMessageNext",
                                             "C_MessageDecryptFinal",
                                             "C_MessageSignInit",
                                             "C_SignMessage",
                                             "C_SignMessageBegin",
                                             "C_SignMessageNext",
                                             "C_MessageSignFinal",
                                             "C_MessageVerifyInit",
                                             "C_VerifyMessage",
                                             "C_VerifyMessageBegin",
                                             "C_VerifyMessageNext",
                                             "C_MessageVerifyFinal"};

constexpr CK_ULONG never_a_handle = 0xDEAD;

}  // namespace

BOOST_AUTO_TEST_CASE(test_tables_name_every_function_exactly_once) {
    std::set<std::string> named = not_supported;
    for (const Row& row : rows) BOOST_CHECK_MESSAGE(named.insert(row.name).second, row.name);
    const auto functions = all_functions();
    BOOST_CHECK_EQUAL(functions.size(), 68u + 24u);
    for (const auto& [name, caller] : functions) BOOST_CHECK_MESSAGE(named.erase(name) == 1, name);
    BOOST_CHECK(named.empty());
}

BOOST_AUTO_TEST_CASE(before_C_Initialize_all_other_functions_are_refused) {
    const SettingsFile settings("");
    jpki::fake::reset_everything();
    const std::set<std::string> the_way_in = {"C_Initialize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"};
    for (const auto& [name, caller] : all_functions()) {
        if (the_way_in.contains(name)) continue;
        BOOST_TEST_CONTEXT(name) {
            CHECK_RV(caller(0, Arguments::nothing), CKR_CRYPTOKI_NOT_INITIALIZED);
            if (name != "C_Finalize") CHECK_RV(caller(1, Arguments::something), CKR_CRYPTOKI_NOT_INITIALIZED);
        }
    }
    BOOST_CHECK(jpki::fake::open_now() == jpki::fake::Open{});
}

BOOST_AUTO_TEST_CASE(after_C_Finalize_all_other_functions_are_refused) {
    CK_SESSION_HANDLE session = 0;
    {
        Fixture f;
        session = f.open_logged_in(auth_slot);
    }
    const std::set<std::string> the_way_in = {"C_Initialize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"};
    for (const auto& [name, caller] : all_functions())
        if (!the_way_in.contains(name)) BOOST_TEST_CONTEXT(name) {
                CHECK_RV(caller(session, Arguments::nothing), CKR_CRYPTOKI_NOT_INITIALIZED);
            }
}

BOOST_AUTO_TEST_CASE(invalid_slot_or_session_is_reported) {
    const auto functions = all_functions();
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            Fixture f;
            const auto closed = f.open(auth_slot);
            REQUIRE_OK(C_CloseSession(closed));
            CHECK_RV(functions.at(row.name)(never_a_handle, Arguments::something), row.dead);
            if (row.subject == Subject::session) {
                CHECK_RV(functions.at(row.name)(closed, Arguments::something), row.dead);
                CHECK_RV(functions.at(row.name)(CK_INVALID_HANDLE, Arguments::something), row.dead);
            }
            CHECK_RV(functions.at(row.name)(~CK_ULONG{0}, Arguments::something), row.dead);
        }
    }
}

BOOST_AUTO_TEST_CASE(each_function_without_arguments_returns_code_of_standard) {
    const auto functions = all_functions();
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            Fixture f;
            const auto session = f.open(auth_slot, CKF_RW_SESSION);
            f.card->reset_counts();
            CHECK_RV(functions.at(row.name)(row.subject == Subject::session ? session : auth_slot, Arguments::nothing),
                     row.nothing);
            BOOST_CHECK_EQUAL(f.card->counts().commands, 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(unsupported_functions_are_refused_in_every_state_without_command) {
    Fixture f;
    const auto session = f.open_logged_in(auth_slot, CKF_RW_SESSION);
    f.card->reset_counts();
    const auto functions = all_functions();
    for (const std::string& name : not_supported)
        for (const Arguments arguments : {Arguments::nothing, Arguments::something})
            for (const CK_ULONG subject : {CK_ULONG{session}, never_a_handle}) BOOST_TEST_CONTEXT(name) {
                    CHECK_RV(functions.at(name)(subject, arguments), CKR_FUNCTION_NOT_SUPPORTED);
                }
    BOOST_CHECK_EQUAL(f.card->counts().commands, 0u);
}

BOOST_AUTO_TEST_CASE(absurd_lengths_return_code_without_command) {
    Fixture f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    f.card->reset_counts();
    constexpr CK_ULONG absurd = ~CK_ULONG{0};
    unsigned char byte = 0;
    CK_ULONG count = 0;
    CK_OBJECT_HANDLE object = 0;
    CK_ATTRIBUTE attribute = {CKA_ID, &byte, absurd};
    CHECK_RV(C_Login(session, CKU_USER, &byte, absurd), CKR_PIN_INCORRECT);
    CHECK_RV(C_Login(session, CKU_USER, nullptr, 0), CKR_ARGUMENTS_BAD);  // no PIN pad
    CHECK_RV(C_SetPIN(session, &byte, 1, &byte, absurd), CKR_PIN_LEN_RANGE);
    CHECK_RV(C_FindObjectsInit(session, &attribute, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_RV(C_FindObjectsInit(session, &attribute, absurd), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjectsInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    attribute = {CKA_ID, nullptr, 1};
    CHECK_RV(C_FindObjectsInit(session, &attribute, 1), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_FindObjects(session, &object, 1, &count), CKR_OPERATION_NOT_INITIALIZED);  // none of these started a search
    BOOST_CHECK_EQUAL(f.card->counts().commands, 0u);
}

BOOST_AUTO_TEST_CASE(sessions_open_serially_and_with_known_flags_only) {
    Fixture f;
    CK_SESSION_HANDLE session = 0;
    CHECK_RV(C_OpenSession(auth_slot, 0, nullptr, nullptr, &session), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    CHECK_RV(C_OpenSession(auth_slot, CKF_RW_SESSION, nullptr, nullptr, &session), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION | 0x100, nullptr, nullptr, &session), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_OpenSession(2, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_SLOT_ID_INVALID);
    // NSS passes a notification callback and its argument.
    const CK_NOTIFY notify = [](CK_SESSION_HANDLE, CK_NOTIFICATION, void*) -> CK_RV { return CKR_OK; };
    CHECK_RV(C_OpenSession(auth_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, scratch, notify, &session), CKR_OK);
    CK_SESSION_INFO info{};
    REQUIRE_OK(C_GetSessionInfo(session, &info));
    BOOST_CHECK_EQUAL(info.slotID, auth_slot);
    BOOST_CHECK_EQUAL(info.state, CKS_RW_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
}

BOOST_AUTO_TEST_CASE(handles_are_never_reused) {
    Fixture f;
    std::set<CK_SESSION_HANDLE> seen;
    for (int i = 0; i < 50; ++i) {
        const auto session = f.open(auth_slot);
        BOOST_REQUIRE(session != CK_INVALID_HANDLE);
        BOOST_REQUIRE(seen.insert(session).second);
        REQUIRE_OK(C_CloseSession(session));
        REQUIRE_RV(C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
    }
    const auto session = f.open(auth_slot);
    for (const auto object : find(session)) BOOST_CHECK(!seen.contains(object));
}

// One part of a program may finalise the module while another one still has its handles.
BOOST_AUTO_TEST_CASE(handles_from_before_finalize_stay_invalid) {
    Fixture f;
    const auto old = f.open_logged_in(auth_slot);
    const auto old_key = find_key(old);
    REQUIRE_OK(C_Finalize(nullptr));
    REQUIRE_OK(C_Initialize(nullptr));
    const auto session = f.open_logged_in(sign_slot);
    CHECK_RV(f.login(old, "1234"), CKR_SESSION_HANDLE_INVALID);
    CHECK_RV(C_Logout(old), CKR_SESSION_HANDLE_INVALID);
    CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
    CHECK_RV(C_SignInit(session, &mechanism, old_key), CKR_KEY_HANDLE_INVALID);
    CHECK_RV(C_SignInit(session, &mechanism, find_key(session)), CKR_OK);
}
