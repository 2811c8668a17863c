#include "browser_profiles.hpp"

#include "i18n.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace jpki::tool {

namespace {

using std::filesystem::path;

path from_environment(const char* name, const path& otherwise) {
    const char* value = ::secure_getenv(name);
    return value != nullptr && *value == '/' ? path(value) : otherwise;
}

bool folder_exists(const path& directory) {
    std::error_code error;
    return std::filesystem::is_directory(directory, error);
}

bool has_database(const path& directory) {
    std::error_code error;
    return std::filesystem::exists(directory / "cert9.db", error);
}

// One "[ProfileN]" of profiles.ini.
struct Section {
    bool is_profile = false, relative = true;
    std::string directory;
};

std::vector<Section> sections_of(const path& file) {
    std::vector<Section> sections;
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) return sections;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.starts_with("[")) sections.push_back({line.starts_with("[Profile"), true, {}});
        if (sections.empty()) continue;
        if (line.starts_with("Path=")) sections.back().directory = line.substr(5);
        if (line == "IsRelative=0") sections.back().relative = false;
    }
    return sections;
}

void add_firefox(const path& base, Packaging packaging, std::vector<BrowserProfile>& profiles) {
    for (const Section& section : sections_of(base / "profiles.ini")) {
        if (!section.is_profile || section.directory.empty()) continue;
        const path directory = section.relative ? base / section.directory : path(section.directory);
        std::error_code error;
        const bool known = std::ranges::any_of(
            profiles, [&](const auto& other) { return std::filesystem::equivalent(other.directory, directory, error); });
        if (folder_exists(directory) && !known)
            profiles.push_back({Browser::firefox, packaging, directory, has_database(directory), false});
    }
}

BrowserProfile chromium_profile(const path& home, const path& data_home, Packaging packaging) {
    const path old = home / ".pki/nssdb";
    const path directory = folder_exists(old) ? old : data_home / "pki/nssdb";
    return {Browser::chromium, packaging, directory, has_database(directory), false};
}

}  // namespace

Places places_of_this_user() {
    Places places;
    places.home = from_environment("HOME", "/nonexistent");
    places.config_home = from_environment("XDG_CONFIG_HOME", places.home / ".config");
    places.data_home = from_environment("XDG_DATA_HOME", places.home / ".local/share");
    return places;
}

std::vector<BrowserProfile> firefox_profiles(const Places& places) {
    std::vector<BrowserProfile> profiles;
    const path snap = places.home / "snap/firefox/common", flatpak = places.home / ".var/app/org.mozilla.firefox";
    add_firefox(places.home / ".mozilla/firefox", Packaging::native, profiles);
    add_firefox(places.config_home / "mozilla/firefox", Packaging::native, profiles);
    add_firefox(snap / ".mozilla/firefox", Packaging::snap, profiles);
    add_firefox(snap / ".config/mozilla/firefox", Packaging::snap, profiles);
    add_firefox(flatpak / ".mozilla/firefox", Packaging::flatpak, profiles);
    add_firefox(flatpak / "config/mozilla/firefox", Packaging::flatpak, profiles);
    return profiles;
}

std::vector<path> chromium_user_data(const Places& places) {
    static constexpr std::array names = {"chromium",
                                         "google-chrome",
                                         "google-chrome-beta",
                                         "google-chrome-unstable",
                                         "microsoft-edge",
                                         "microsoft-edge-beta",
                                         "microsoft-edge-dev",
                                         "BraveSoftware/Brave-Browser",
                                         "vivaldi",
                                         "opera"};
    std::vector<path> directories;
    for (const char* name : names) directories.push_back(places.config_home / name);
    return directories;
}

std::vector<BrowserProfile> chromium_profiles(const Places& places) {
    std::vector<BrowserProfile> profiles{chromium_profile(places.home, places.data_home, Packaging::native)};
    profiles[0].browser_ran = std::ranges::any_of(chromium_user_data(places), folder_exists);
    const path snap = places.home / "snap/chromium", flatpak = places.home / ".var/app/org.chromium.Chromium";
    if (folder_exists(snap))
        profiles.push_back(chromium_profile(snap / "current", snap / "current/.local/share", Packaging::snap));
    if (folder_exists(flatpak)) profiles.push_back(chromium_profile(flatpak, flatpak / "data", Packaging::flatpak));
    for (BrowserProfile& profile : profiles)
        if (profile.packaging != Packaging::native) profile.browser_ran = true;
    return profiles;
}

std::string shown_name(Browser browser) {
    switch (browser) {
    case Browser::firefox: return "Firefox";
    case Browser::chromium: return "Chromium";
    default: return "NSS";
    }
}

const char* name_of(Packaging packaging) noexcept {
    static constexpr const char* names[] = {"native", "snap", "flatpak"};
    return names[static_cast<int>(packaging)];
}

Sandbox about_sandbox(const BrowserProfile& profile) {
    const std::string name = shown_name(profile.browser) + " (" + printable(profile.directory.string()) + ")";
    if (profile.packaging == Packaging::snap)
        return {fill(_("{0}: a Snap, which loads no module from outside."), {name}),
                _("Use the browser from a package of the distribution or of its maker.")};
    return {fill(_("{0}: a Flatpak, which reaches the module only through a socket of p11-kit."), {name}),
            _("Run \"p11-kit server --provider MODULE pkcs11:\" outside, give the Flatpak access to its socket (flatpak override "
              "--user --filesystem=xdg-run/p11-kit), and register p11-kit-client.so inside.")};
}

}  // namespace jpki::tool
