// Which source of settings takes precedence: the system's file, the user's, the named one, the environment. And the contents of
// the log, and a log that cannot be written.
#include "settings_fixture.hpp"

#include <chrono>

using namespace jpki::test;

namespace {

bool set_user_id_host = false;

}  // namespace

// The linker puts it in the place of secure_getenv (tests/module/CMakeLists.txt), which finds nothing in a set-user-ID program.
extern "C" char* __wrap_secure_getenv(const char* name) { return set_user_id_host ? nullptr : std::getenv(name); }

BOOST_AUTO_TEST_CASE(environment_overrides_file) {
    {
        const Environment consent("JPKI_PKCS11_CONSENT", "each"), pss("JPKI_PKCS11_PSS", "off");
        Fixture f(at_login + "[mechanisms]\npss = \"on\"\n");
        BOOST_CHECK(consent_each(f));
        BOOST_CHECK(!offers_pss());
    }
    const Directory directory;
    const Environment log("JPKI_PKCS11_LOG", directory.path + "/log"), level("JPKI_PKCS11_LOG_LEVEL", "debug");
    Fixture f("[log]\nfile = \"" + directory.path + "/elsewhere\"\nlevel = \"error\"\n");
    f.open(auth_slot);
    BOOST_CHECK_GE(lines_with(directory, " debug: "), 1u);
    BOOST_CHECK(!std::filesystem::exists(directory.path + "/elsewhere"));
}

BOOST_AUTO_TEST_CASE(bad_or_empty_environment_keeps_value_of_file) {
    const Directory directory;
    const Environment log("JPKI_PKCS11_LOG", directory.path + "/log");
    {
        const Environment consent("JPKI_PKCS11_CONSENT", "never"), pss("JPKI_PKCS11_PSS", "1"),
            level("JPKI_PKCS11_LOG_LEVEL", "loud");
        Fixture f(each);
        BOOST_CHECK(consent_each(f));
        BOOST_CHECK(offers_pss());
        BOOST_CHECK_EQUAL(directory.log().size(), 3u);
        BOOST_CHECK_EQUAL(lines_with(directory, "environment:0: JPKI_PKCS11_CONSENT must be "), 1u);
        BOOST_CHECK_EQUAL(lines_with(directory, "environment:0: JPKI_PKCS11_PSS must be "), 1u);
        BOOST_CHECK_EQUAL(lines_with(directory, "environment:0: JPKI_PKCS11_LOG_LEVEL must be "), 1u);
    }
    const Environment consent("JPKI_PKCS11_CONSENT", "");
    Fixture f(each);
    BOOST_CHECK(consent_each(f));
}

BOOST_AUTO_TEST_CASE(user_file_overrides_system_file_and_named_file_replaces_both) {
    const Directory directory;
    const SystemFile system(each + "[mechanisms]\npss = \"off\"\n");
    directory.write("config/jpki-pkcs11.toml", at_login);
    {
        const Environment config_home("XDG_CONFIG_HOME", directory.path + "/config");
        Fixture f;  // names an empty file
        BOOST_CHECK(!consent_each(f) && offers_pss());
    }
    // The library without a fixture's own file.
    const auto with = [&](const auto& check) {
        Fixture f;
        REQUIRE_OK(C_Finalize(nullptr));
        ::unsetenv("JPKI_PKCS11_CONFIG");
        REQUIRE_OK(C_Initialize(nullptr));
        CK_ULONG count = 0;
        REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
        check(f);
    };
    const Environment no_home("HOME", directory.path + "/nobody");
    {
        const Environment config_home("XDG_CONFIG_HOME", directory.path + "/nothing");
        with([](Fixture& f) { BOOST_CHECK(consent_each(f) && !offers_pss()); });  // the system's alone
    }
    {
        const Environment config_home("XDG_CONFIG_HOME", directory.path + "/config");
        with([](Fixture& f) { BOOST_CHECK(!consent_each(f) && !offers_pss()); });  // one key from each
    }
    directory.write("home/.config/jpki-pkcs11.toml", at_login);
    ::unsetenv("XDG_CONFIG_HOME");
    {
        const Environment home("HOME", directory.path + "/home");
        with([](Fixture& f) { BOOST_CHECK(!consent_each(f) && !offers_pss()); });
    }
}

BOOST_AUTO_TEST_CASE(environment_of_set_user_id_host_is_not_used) {
    const Directory directory;
    directory.write("config/jpki-pkcs11.toml", each);
    const Environment config_home("XDG_CONFIG_HOME", directory.path + "/config"), consent("JPKI_PKCS11_CONSENT", "each"),
        log("JPKI_PKCS11_LOG", directory.path + "/log"), level("JPKI_PKCS11_LOG_LEVEL", "debug");
    Fixture f(each + "[mechanisms]\npss = \"off\"\n");  // named by JPKI_PKCS11_CONFIG
    BOOST_REQUIRE(consent_each(f) && !offers_pss());
    REQUIRE_OK(C_Finalize(nullptr));
    BOOST_REQUIRE(::unlink((directory.path + "/log").c_str()) == 0);
    set_user_id_host = true;
    REQUIRE_OK(C_Initialize(nullptr));
    set_user_id_host = false;
    CK_ULONG count = 0;
    REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
    BOOST_CHECK(!consent_each(f) && offers_pss());
    BOOST_CHECK(!std::filesystem::exists(directory.path + "/log"));
}

BOOST_AUTO_TEST_CASE(unusable_named_file_is_one_log_line_and_defaults_apply) {
    const Directory directory;
    const Environment log("JPKI_PKCS11_LOG", directory.path + "/log");
    BOOST_REQUIRE(::mkfifo((directory.path + "/pipe").c_str(), 0600) == 0);
    for (const std::string& path : {directory.path + "/not-there", directory.path, directory.path + "/pipe",
                                    std::string("/dev/zero"), directory.path + "/a\nb"}) {
        ::unlink((directory.path + "/log").c_str());
        Fixture f;
        REQUIRE_OK(C_Finalize(nullptr));
        ::setenv("JPKI_PKCS11_CONFIG", path.c_str(), 1);
        REQUIRE_OK(C_Initialize(nullptr));
        CK_ULONG count = 0;
        REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
        BOOST_CHECK_EQUAL(directory.log().size(), 1u);
        BOOST_CHECK(!consent_each(f));
    }
}

BOOST_AUTO_TEST_CASE(settings_file_writable_by_others_or_owned_by_another_user_is_one_log_line_and_ignored) {
    const Directory directory;
    const std::string path = directory.write("settings.toml", each);
    const auto obeyed = [&](const char* complaint) {
        const Environment log("JPKI_PKCS11_LOG", directory.path + "/log");
        ::unlink((directory.path + "/log").c_str());
        Fixture f;
        REQUIRE_OK(C_Finalize(nullptr));
        ::setenv("JPKI_PKCS11_CONFIG", path.c_str(), 1);
        REQUIRE_OK(C_Initialize(nullptr));
        CK_ULONG count = 0;
        REQUIRE_OK(C_GetSlotList(CK_FALSE, nullptr, &count));
        BOOST_CHECK_EQUAL(directory.log().size(), *complaint ? 1u : 0u);
        if (*complaint) BOOST_CHECK_EQUAL(lines_with(directory, path + ":0: " + complaint), 1u);
        return consent_each(f);
    };
    BOOST_CHECK(obeyed(""));
    for (const mode_t mode : {mode_t{0620}, mode_t{0602}, mode_t{0666}}) {
        BOOST_REQUIRE(::chmod(path.c_str(), mode) == 0);
        BOOST_CHECK(!obeyed("writable by others"));
    }
    BOOST_REQUIRE(::chmod(path.c_str(), 0644) == 0);
    if (::geteuid() != 0) return;
    // Root with another user's HOME.
    BOOST_REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
    BOOST_CHECK(!obeyed("owned by another user"));
}

BOOST_AUTO_TEST_CASE(pipe_as_log_file_does_not_block) {
    const Directory directory;
    BOOST_REQUIRE(::mkfifo((directory.path + "/pipe").c_str(), 0600) == 0);
    const auto begin = std::chrono::steady_clock::now();
    Fixture f("[log]\nfile = \"" + directory.path + "/pipe\"\nlevel = \"debug\"\n");
    f.open_logged_in(auth_slot);
    BOOST_CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
}

BOOST_AUTO_TEST_CASE(unwritable_log_does_not_fail_calls) {
    const Directory directory;
    BOOST_REQUIRE(::symlink((directory.path + "/target").c_str(), (directory.path + "/link").c_str()) == 0);
    for (const std::string& path : {directory.path, directory.path + "/no/such/directory", directory.path + "/link"}) {
        Fixture f("[log]\nfile = \"" + path + "\"\nlevel = \"debug\"\n");
        f.open_logged_in(auth_slot);
    }
    BOOST_CHECK(!std::filesystem::exists(directory.path + "/target"));  // links are not followed
}

BOOST_AUTO_TEST_CASE(log_contains_no_pin_and_no_name) {
    const Directory directory;
    Knobs knobs;
    knobs.pins = {"7391", "XQZ94817"};
    Fixture f("[log]\nfile = \"" + directory.path + "/log\"\nlevel = \"debug\"\n", knobs);
    for (const CK_SLOT_ID slot : {auth_slot, sign_slot}) {
        const auto session = f.open_logged_in(slot);
        for (const auto object : find(session)) all_attributes(session, object);
        signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, Bytes(5, 1));
    }
    BOOST_CHECK_GE(directory.log().size(), 10u);
    for (const char* secret : {"7391", "XQZ94817", "37333931", "58515A", "Mihon"})
        BOOST_CHECK_EQUAL(lines_with(directory, secret), 0u);
}
