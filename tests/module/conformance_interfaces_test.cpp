// C_GetFunctionList, C_GetInterfaceList and C_GetInterface (PKCS#11 3.0, 5.4): the same before and after C_Initialize.
#include "fixture.hpp"

#include <array>
#include <string_view>

using namespace jpki::test;

namespace {

CK_UTF8CHAR* text(const char* name) { return reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(name)); }

CK_VERSION version_of(const CK_INTERFACE& interface) { return *static_cast<const CK_VERSION*>(interface.pFunctionList); }

bool is(CK_VERSION version, int major, int minor) { return version.major == major && version.minor == minor; }

}  // namespace

BOOST_AUTO_TEST_CASE(function_lists_have_every_function_in_its_place) {
    CK_FUNCTION_LIST* v2 = nullptr;
    REQUIRE_OK(C_GetFunctionList(&v2));
    BOOST_CHECK(is(v2->version, 2, 40));
    CK_INTERFACE* interface = nullptr;
    CK_VERSION wanted = {3, 0};
    REQUIRE_OK(C_GetInterface(nullptr, &wanted, &interface, 0));
    const auto* v3 = static_cast<const CK_FUNCTION_LIST_3_0*>(interface->pFunctionList);
    BOOST_CHECK(is(v3->version, 3, 0));
#define JPKI_MEMBER(name) BOOST_CHECK(v2->name == &name);
#include "module/functions_v2.inc"
#undef JPKI_MEMBER
#define JPKI_MEMBER(name) BOOST_CHECK(v3->name == &name || std::string_view(#name) == "C_GetInfo");
#include "module/functions_v2.inc"
#include "module/functions_v3.inc"
#undef JPKI_MEMBER
    // The first members by position: old applications depend on them.
    const auto* places = reinterpret_cast<void (*const*)()>(v2);
    BOOST_CHECK(places[1] == reinterpret_cast<void (*)()>(&C_Initialize));
    BOOST_CHECK(places[4] == reinterpret_cast<void (*)()>(&C_GetFunctionList));
    BOOST_CHECK(places[68] == reinterpret_cast<void (*)()>(&C_WaitForSlotEvent));
}

BOOST_AUTO_TEST_CASE(interface_list_has_both_versions_and_newer_first) {
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetInterfaceList(nullptr, &count));
    BOOST_REQUIRE_EQUAL(count, 2u);
    std::array<CK_INTERFACE, 3> list{};
    count = 1;
    CHECK_RV(C_GetInterfaceList(list.data(), &count), CKR_BUFFER_TOO_SMALL);
    BOOST_CHECK_EQUAL(count, 2u);
    BOOST_CHECK(list[0].pFunctionList == nullptr);
    count = 3;
    REQUIRE_OK(C_GetInterfaceList(list.data(), &count));
    BOOST_CHECK_EQUAL(count, 2u);
    BOOST_CHECK(list[2].pFunctionList == nullptr);
    for (int i = 0; i < 2; ++i) BOOST_CHECK_EQUAL(std::string(list[static_cast<std::size_t>(i)].pInterfaceName), "PKCS 11");
    BOOST_CHECK(is(version_of(list[0]), 3, 0));
    BOOST_CHECK(is(version_of(list[1]), 2, 40));
    CHECK_RV(C_GetInterfaceList(list.data(), nullptr), CKR_ARGUMENTS_BAD);
}

BOOST_AUTO_TEST_CASE(every_legal_request_for_interface_is_answered) {
    struct Question {
        const char* name;
        int major, minor;  // 0.0: the default version
        int is_major, is_minor;
    };
    for (const Question& q : {Question{nullptr, 0, 0, 3, 0},
                              {nullptr, 3, 0, 3, 0},
                              {nullptr, 2, 40, 2, 40},
                              {"PKCS 11", 0, 0, 3, 0},
                              {"PKCS 11", 3, 0, 3, 0},
                              {"PKCS 11", 2, 40, 2, 40}}) {
        CK_VERSION version = {static_cast<CK_BYTE>(q.major), static_cast<CK_BYTE>(q.minor)};
        CK_INTERFACE* interface = nullptr;
        REQUIRE_OK(C_GetInterface(q.name ? text(q.name) : nullptr, q.major ? &version : nullptr, &interface, 0));
        BOOST_REQUIRE(interface != nullptr);
        BOOST_CHECK_EQUAL(std::string(interface->pInterfaceName), "PKCS 11");
        BOOST_CHECK(is(version_of(*interface), q.is_major, q.is_minor));
        BOOST_CHECK_EQUAL(interface->flags, 0u);
    }
}

BOOST_AUTO_TEST_CASE(unknown_interface_is_refused_and_output_is_not_written) {
    CK_INTERFACE untouched{};
    const auto refused = [&](const char* name, const CK_VERSION* version, CK_FLAGS flags) {
        CK_INTERFACE* interface = &untouched;
        CK_VERSION copy = version ? *version : CK_VERSION{};
        CHECK_RV(C_GetInterface(name ? text(name) : nullptr, version ? &copy : nullptr, &interface, flags), CKR_ARGUMENTS_BAD);
        BOOST_CHECK(interface == &untouched);
    };
    for (const char* name : {"", "PKCS 1", "PKCS 11 ", "pkcs 11", "Vendor NSS FIPS Interface"}) refused(name, nullptr, 0);
    for (const CK_VERSION version : {CK_VERSION{2, 20}, {3, 1}, {3, 2}, {0, 0}, {2, 4}}) refused("PKCS 11", &version, 0);
    refused(nullptr, nullptr, CKF_INTERFACE_FORK_SAFE);  // a child has to initialise again
    CHECK_RV(C_GetInterface(nullptr, nullptr, nullptr, 0), CKR_ARGUMENTS_BAD);
}

BOOST_AUTO_TEST_CASE(C_GetInfo_returns_version_of_its_function_list) {
    CK_FUNCTION_LIST* v2 = nullptr;
    REQUIRE_OK(C_GetFunctionList(&v2));
    CK_INTERFACE* interface = nullptr;
    CK_VERSION wanted = {3, 0};
    REQUIRE_OK(C_GetInterface(nullptr, &wanted, &interface, 0));
    const auto* v3 = static_cast<const CK_FUNCTION_LIST_3_0*>(interface->pFunctionList);
    CK_INFO info{};
    CHECK_RV(v3->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    Fixture f;
    REQUIRE_OK(v2->C_GetInfo(&info));
    BOOST_CHECK(is(info.cryptokiVersion, 2, 40));
    REQUIRE_OK(C_GetInfo(&info));
    BOOST_CHECK(is(info.cryptokiVersion, 2, 40));
    CK_INFO newer{};
    REQUIRE_OK(v3->C_GetInfo(&newer));
    BOOST_CHECK(is(newer.cryptokiVersion, 3, 0));
    BOOST_CHECK(is(newer.libraryVersion, info.libraryVersion.major, info.libraryVersion.minor));
    CHECK_RV(v3->C_GetInfo(nullptr), CKR_ARGUMENTS_BAD);
}

BOOST_AUTO_TEST_CASE(both_function_lists_share_one_state) {
    Fixture f;
    CK_INTERFACE* interface = nullptr;
    REQUIRE_OK(C_GetInterface(nullptr, nullptr, &interface, 0));
    const auto* v3 = static_cast<const CK_FUNCTION_LIST_3_0*>(interface->pFunctionList);
    CHECK_RV(v3->C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_RV(v3->C_SessionCancel(f.open(auth_slot), 0), CKR_OK);
}
