// Where browsers keep their NSS databases; for doctor and register.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace jpki::tool {

struct Places {
    std::filesystem::path root = "/";  // of /sys, /usr, /etc
    std::filesystem::path home, config_home, data_home;
};
// From HOME, XDG_CONFIG_HOME and XDG_DATA_HOME (XDG Base Directory Specification).
Places places_of_this_user();

enum class Browser { firefox, chromium, other };
enum class Packaging { native, snap, flatpak };

struct BrowserProfile {
    Browser browser = Browser::firefox;
    Packaging packaging = Packaging::native;
    std::filesystem::path directory;  // of the NSS database
    bool has_database = false;        // cert9.db is there
    bool browser_ran = false;         // Chromium: one of the browsers that share the database has a profile

    // Whether a browser uses it: a profile that was never started has no database.
    bool in_use() const noexcept { return has_database || browser_ran; }
};

// Every profile that the profiles.ini files name and that is there: those under ~/.mozilla/firefox, under
// $XDG_CONFIG_HOME/mozilla/firefox (Firefox 147 and later), of Snap and of Flatpak.
std::vector<BrowserProfile> firefox_profiles(const Places& places);

// The database that Chromium and its relatives share: ~/.pki/nssdb where that directory is, else $XDG_DATA_HOME/pki/nssdb
// (Chromium 146 and later). First the one of the browsers that are no Snap or Flatpak, which need not be there.
std::vector<BrowserProfile> chromium_profiles(const Places& places);

// Where Chromium and its relatives keep profiles and the lock of a running browser.
std::vector<std::filesystem::path> chromium_user_data(const Places& places);

// "Firefox", "Chromium"; "NSS" for any other program.
std::string shown_name(Browser browser);
const char* name_of(Packaging packaging) noexcept;

// What stops a Snap or Flatpak from loading the module, and what to do. For packagings other than native.
struct Sandbox {
    std::string text, remedy;
};
Sandbox about_sandbox(const BrowserProfile& profile);

}  // namespace jpki::tool
