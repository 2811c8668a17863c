// Which program uses an NSS database now. A browser writes pkcs11.txt when it likes, and sees a change only when it starts.
#pragma once

#include "browser_profiles.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace jpki::tool {

struct ProfileUser {
    std::string who;     // "firefox-esr (process 123)", for a person
    std::string remedy;  // what to do
};

// The Firefox or Thunderbird that has locked this profile: .parentlock by fcntl, or the symbolic link "lock" to "ADDRESS:PID" of
// a version or a file system without that lock (nsProfileLock.cpp). A link with "+" before the PID, without the fcntl lock, was
// left by a crash.
std::optional<ProfileUser> user_of_firefox_profile(const std::filesystem::path& profile);

// The Chromium that has locked this directory: the symbolic link SingletonLock to "HOST-PID". One of a process that is gone was
// left by a crash.
std::optional<ProfileUser> user_of_chromium_data(const std::filesystem::path& user_data);

// Any of these, or any process that has a file of the database open.
std::optional<ProfileUser> user_of(const BrowserProfile& profile, const Places& places);

}  // namespace jpki::tool
