// jpki-tool: where browsers keep their NSS databases, what is registered there, and who uses them.
#include "browser_profiles.hpp"
#include "doctor.hpp"
#include "exit_status.hpp"
#include "nss_modules.hpp"
#include "profile_user.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <unistd.h>

namespace tool = jpki::tool;
using State = tool::NssModules::State;
using tool::Packaging;
using tool::Verdict;

namespace {

// A home directory that is gone afterwards.
struct Home {
    std::filesystem::path root;
    tool::Places places;
    Home() {
        std::string name = "/tmp/tool-browsers.XXXXXX";
        root = ::mkdtemp(name.data());
        places.home = root;
        places.config_home = root / ".config";
        places.data_home = root / ".local/share";
    }
    ~Home() { std::filesystem::remove_all(root); }
    void file(const std::string& path, const std::string& content = {}) const {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path) << content;
    }
    State state(const std::string& pkcs11_txt) const {
        file("db/pkcs11.txt", pkcs11_txt);
        return tool::NssModules(root / "db").state();
    }
    void lock(const std::string& name, const std::string& target) const {
        std::filesystem::remove(root / name);
        std::filesystem::create_symlink(target, root / name);
    }
};

std::string own_pid() { return std::to_string(::getpid()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(tool_browsers)

BOOST_AUTO_TEST_CASE(profiles_are_those_of_profiles_ini_in_both_folders) {
    const Home home;
    home.file(".mozilla/firefox/a b/cert9.db");
    home.file(".mozilla/firefox/unlisted/cert9.db");
    home.file(".mozilla/firefox/fresh/times.json");
    home.file("elsewhere/cert9.db");
    home.file(".mozilla/firefox/profiles.ini",
              "[Install1]\nPath=unlisted\n[Profile0]\r\nPath=a b\r\nIsRelative=1\r\n"
              "[Profile1]\nIsRelative=0\nPath=" +
                  (home.root / "elsewhere").string() + "\n[Profile2]\nPath=fresh\n[Profile3]\nPath=gone\n[Profile4]\nPath=\n");
    home.file(".config/mozilla/firefox/profiles.ini",
              "Path=before any section\n[Profile0]\nPath=new\n[Profile1]\nPath=../../../elsewhere\n");
    home.file(".config/mozilla/firefox/new/cert9.db");
    const auto profiles = tool::firefox_profiles(home.places);
    BOOST_REQUIRE_EQUAL(profiles.size(), 4U);  // "elsewhere" once
    BOOST_TEST(profiles[0].directory == home.root / ".mozilla/firefox/a b");
    BOOST_TEST(profiles[1].directory == home.root / "elsewhere");
    BOOST_TEST(profiles[2].directory == home.root / ".mozilla/firefox/fresh");
    BOOST_TEST(!profiles[2].in_use());
    BOOST_TEST(profiles[3].directory == home.root / ".config/mozilla/firefox/new");
    BOOST_TEST(profiles[3].in_use());
}

BOOST_AUTO_TEST_CASE(chromium_takes_the_old_directory_where_it_exists) {
    const Home home;
    BOOST_TEST(tool::chromium_profiles(home.places)[0].directory == home.root / ".local/share/pki/nssdb");
    BOOST_TEST(!tool::chromium_profiles(home.places)[0].in_use());
    home.file(".config/vivaldi/Local State");
    BOOST_TEST(tool::chromium_profiles(home.places)[0].in_use());
    std::filesystem::create_directories(home.root / ".pki/nssdb");
    BOOST_TEST(tool::chromium_profiles(home.places)[0].directory == home.root / ".pki/nssdb");
}

BOOST_AUTO_TEST_CASE(sandboxed_browsers_are_known_for_what_they_are) {
    const Home home;
    home.file("snap/firefox/common/.mozilla/firefox/profiles.ini", "[Profile0]\nPath=s\n");
    home.file("snap/firefox/common/.mozilla/firefox/s/cert9.db");
    home.file(".var/app/org.mozilla.firefox/config/mozilla/firefox/profiles.ini", "[Profile0]\nPath=f\n");
    home.file(".var/app/org.mozilla.firefox/config/mozilla/firefox/f/cert9.db");
    const auto profiles = tool::firefox_profiles(home.places);
    BOOST_REQUIRE_EQUAL(profiles.size(), 2U);
    BOOST_TEST((profiles[0].packaging == Packaging::snap && profiles[1].packaging == Packaging::flatpak));
    std::filesystem::create_directories(home.root / ".var/app/org.chromium.Chromium");
    std::filesystem::create_directories(home.root / "snap/chromium");
    BOOST_TEST(tool::chromium_profiles(home.places).size() == 3U);
}

BOOST_AUTO_TEST_CASE(entries_of_pkcs11_txt_are_distinguished) {
    const Home home;
    const std::string internal = "library=\nname=NSS Internal PKCS #11 Module\nparameters=configdir='x'\n\n";
    std::filesystem::create_directories(home.root / "db");
    BOOST_TEST((tool::NssModules(home.root / "db").state() == State::none));
    BOOST_TEST((home.state("") == State::none));
    BOOST_TEST((home.state(internal) == State::none));
    BOOST_TEST((home.state(internal + "library=/a b/x.so\nname=My Number Card\n\n") == State::ours));
    BOOST_TEST((home.state(internal + "Library=\"/x.so\"\nNAME=\"My Number Card\"") == State::ours));
    BOOST_TEST(tool::NssModules(home.root / "db").library() == "/x.so");
    BOOST_TEST((home.state("library=/x/jpki-pkcs11-auth.so\nname=jpki\n\n" + internal) == State::by_hand));
    BOOST_TEST((home.state("library=/x/jpki-pkcs11-sign.so\nname=jpki\n\n" + internal) == State::none));
    BOOST_TEST((home.state("library=p11-kit-proxy.so\nname=p11\n\n") == State::by_p11_kit));
    BOOST_TEST((home.state("library=p11-kit-proxy.so\nname=p11\n\nlibrary=/x.so\nname=My Number Card\n") == State::ours));
    BOOST_TEST((home.state("name=Not My Number Card\nlibrary=/x.so\n\n") == State::none));
    std::filesystem::remove(home.root / "db/pkcs11.txt");
    std::filesystem::create_directory(home.root / "db/pkcs11.txt");
    BOOST_CHECK_THROW(tool::NssModules(home.root / "db"), tool::Failure);
}

BOOST_AUTO_TEST_CASE(locks_of_running_browsers_are_distinguished_from_those_left_by_a_crash) {
    const Home home;
    BOOST_TEST(!tool::user_of_firefox_profile(home.root));
    home.lock("lock", "127.0.1.1:" + own_pid());
    BOOST_TEST(tool::user_of_firefox_profile(home.root).has_value());
    home.lock("lock", "127.0.1.1:+" + own_pid());  // without the lock by fcntl that belongs to it
    BOOST_TEST(!tool::user_of_firefox_profile(home.root));
    home.lock("lock", "192.0.2.7:+" + own_pid());
    BOOST_TEST(tool::user_of_firefox_profile(home.root).has_value());
    for (const char* target : {"", "127.0.1.1:", "127.0.1.1:0", "127.0.1.1:x", "127.0.1.1:99999999999999", "nothing"})
        if (*target != '\0') {
            home.lock("lock", target);
            BOOST_TEST(!tool::user_of_firefox_profile(home.root), target);
        }
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    home.lock("SingletonLock", std::string(host) + "-" + own_pid());
    BOOST_TEST(tool::user_of_chromium_data(home.root).has_value());
    home.lock("SingletonLock", std::string(host) + "-999999999");
    BOOST_TEST(!tool::user_of_chromium_data(home.root));
    home.lock("SingletonLock", "another-host-1");
    BOOST_TEST(tool::user_of_chromium_data(home.root)->who.find("another-host") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(doctor_judges_browsers) {
    const auto verdict = [](State state, bool library_exists, Packaging packaging) {
        tool::Facts facts;
        facts.at = tool::now();
        facts.browsers.push_back(
            {{tool::Browser::chromium, packaging, "/home/x/.pki/nssdb", true, false}, state, "/x.so", library_exists});
        std::vector<tool::Diagnosis> findings;
        tool::judge_programs(facts, findings);
        for (const auto& finding : findings)
            if (finding.code.starts_with("browser")) {
                BOOST_TEST((finding.verdict == Verdict::ok) == finding.remedy.empty());
                return finding.code;
            }
        return std::string();
    };
    BOOST_TEST(verdict(State::ours, true, Packaging::native) == "browser");
    BOOST_TEST(verdict(State::by_p11_kit, true, Packaging::native) == "browser");
    BOOST_TEST(verdict(State::ours, false, Packaging::native) == "browser-module-missing");
    BOOST_TEST(verdict(State::none, true, Packaging::native) == "browser-not-registered");
    BOOST_TEST(verdict(State::ours, true, Packaging::snap) == "browser-snap");
    BOOST_TEST(verdict(State::ours, true, Packaging::flatpak) == "browser-flatpak");
}

BOOST_AUTO_TEST_SUITE_END()
