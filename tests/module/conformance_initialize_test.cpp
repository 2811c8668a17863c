// C_Initialize and C_Finalize with every combination of arguments (PKCS#11 2.40, 5.4), and C_GetInfo.
#include "fixture.hpp"

using namespace jpki::test;

namespace {

// Callbacks that must not be called: the module locks with the operating system's mutexes.
std::size_t callback_calls = 0;
CK_RV create_mutex(void**) { return ++callback_calls, CKR_OK; }
CK_RV some_mutex(void*) { return ++callback_calls, CKR_OK; }

// Which of the four callbacks are given, one bit each.
CK_C_INITIALIZE_ARGS arguments(unsigned callbacks, CK_FLAGS flags) {
    CK_C_INITIALIZE_ARGS args{};
    if (callbacks & 1) args.CreateMutex = &create_mutex;
    if (callbacks & 2) args.DestroyMutex = &some_mutex;
    if (callbacks & 4) args.LockMutex = &some_mutex;
    if (callbacks & 8) args.UnlockMutex = &some_mutex;
    args.flags = flags;
    return args;
}

struct NotInitialized {
    NotInitialized() { jpki::fake::reset_everything(); }
    ~NotInitialized() { C_Finalize(nullptr); }
    SettingsFile settings{""};
};

constexpr CK_FLAGS all_flags[] = {0, CKF_OS_LOCKING_OK, CKF_LIBRARY_CANT_CREATE_OS_THREADS,
                                  CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS};

}  // namespace

BOOST_FIXTURE_TEST_CASE(every_legal_way_to_initialise_works_and_ends, NotInitialized) {
    REQUIRE_OK(C_Initialize(nullptr));
    REQUIRE_OK(C_Finalize(nullptr));
    for (const CK_FLAGS flags : all_flags)
        for (const unsigned callbacks : {0u, 15u}) {
            if (callbacks && !(flags & CKF_OS_LOCKING_OK)) continue;
            BOOST_TEST_CONTEXT("flags " << flags << ", callbacks " << callbacks) {
                auto args = arguments(callbacks, flags);
                CHECK_RV(C_Initialize(&args), CKR_OK);
                CK_ULONG count = 0;
                CHECK_RV(C_GetSlotList(CK_FALSE, nullptr, &count), CKR_OK);
                CHECK_RV(C_Finalize(nullptr), CKR_OK);
            }
        }
    BOOST_CHECK_EQUAL(callback_calls, 0u);
}

BOOST_FIXTURE_TEST_CASE(every_illegal_way_to_initialise_is_reported_and_changes_no_state, NotInitialized) {
    for (const CK_FLAGS flags : all_flags)
        for (unsigned callbacks = 0; callbacks < 16; ++callbacks) {
            auto args = arguments(callbacks, flags);
            const bool all_or_none = callbacks == 0 || callbacks == 15;
            BOOST_TEST_CONTEXT("flags " << flags << ", callbacks " << callbacks) {
                if (!all_or_none) CHECK_RV(C_Initialize(&args), CKR_ARGUMENTS_BAD);
                // Only the caller's own mutexes: pcsc-lite and OpenSSL would not use them.
                else if (callbacks && !(flags & CKF_OS_LOCKING_OK)) CHECK_RV(C_Initialize(&args), CKR_CANT_LOCK);
                args.pReserved = &args;
                CHECK_RV(C_Initialize(&args), CKR_ARGUMENTS_BAD);
                CHECK_RV(C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
            }
        }
}

BOOST_FIXTURE_TEST_CASE(second_initialise_is_reported_and_first_stays_valid, NotInitialized) {
    REQUIRE_OK(C_Initialize(nullptr));
    CHECK_RV(C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    auto args = arguments(15, CKF_OS_LOCKING_OK);
    CHECK_RV(C_Initialize(&args), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CK_INFO info{};
    CHECK_RV(C_GetInfo(&info), CKR_OK);
}

BOOST_FIXTURE_TEST_CASE(second_finalise_is_reported, NotInitialized) {
    CHECK_RV(C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
    REQUIRE_OK(C_Initialize(nullptr));
    int reserved = 0;
    CHECK_RV(C_Finalize(&reserved), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_Finalize(nullptr), CKR_OK);
    CHECK_RV(C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_RV(C_Initialize(nullptr), CKR_OK);
}

BOOST_FIXTURE_TEST_CASE(initialising_does_not_use_resource_manager, NotInitialized) {
    jpki::fake::stop_service();
    REQUIRE_OK(C_Initialize(nullptr));
    CK_ULONG count = 99;
    CHECK_RV(C_GetSlotList(CK_FALSE, nullptr, &count), CKR_OK);
    BOOST_CHECK_EQUAL(count, 0u);
}

BOOST_AUTO_TEST_CASE(texts_are_padded_with_blanks_and_versions_are_set) {
    Fixture f;
    CK_INFO info{};
    REQUIRE_OK(C_GetInfo(&info));
    BOOST_CHECK_EQUAL(static_cast<int>(info.cryptokiVersion.major), 2);
    BOOST_CHECK_EQUAL(static_cast<int>(info.cryptokiVersion.minor), 40);
    BOOST_CHECK_EQUAL(info.flags, 0u);
    CK_SLOT_INFO slot{};
    REQUIRE_OK(C_GetSlotInfo(auth_slot, &slot));
    CK_TOKEN_INFO token{};
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &token));
    const auto padded = [](const unsigned char* field, std::size_t size) {
        const std::string text(field, field + size);
        const auto end = text.find_last_not_of(' ');
        return end != std::string::npos && text.find('\0') == std::string::npos;
    };
    BOOST_CHECK(padded(info.manufacturerID, sizeof info.manufacturerID));
    BOOST_CHECK(padded(info.libraryDescription, sizeof info.libraryDescription));
    BOOST_CHECK(padded(slot.slotDescription, sizeof slot.slotDescription));
    BOOST_CHECK(padded(slot.manufacturerID, sizeof slot.manufacturerID));
    BOOST_CHECK(padded(token.label, sizeof token.label));
    BOOST_CHECK(padded(token.manufacturerID, sizeof token.manufacturerID));
    BOOST_CHECK(padded(token.model, sizeof token.model));
    BOOST_CHECK(padded(token.serialNumber, sizeof token.serialNumber));
}
