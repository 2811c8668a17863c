// Shared by the tests of settings: files, environment variables, and the visible effects of settings.
#pragma once

#include "fixture.hpp"
#include "temporary.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki::test {

namespace fake = jpki::fake;

struct Directory {
    std::string path;
    Directory() {
        path = temporary_directory() + "/jpki-settings-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
        std::ofstream(path + "/" + name, std::ios::binary) << text;
        return path + "/" + name;
    }
    std::vector<std::string> log() const {
        std::ifstream file(path + "/log");
        std::vector<std::string> lines;
        for (std::string line; std::getline(file, line);) lines.push_back(line);
        return lines;
    }
};

// An environment variable for as long as it lives.
struct Environment {
    const char* name;
    Environment(const char* name_, const std::string& value) : name(name_) { ::setenv(name, value.c_str(), 1); }
    ~Environment() { ::unsetenv(name); }
};

// This build's path of /etc/jpki-pkcs11.toml.
struct SystemFile {
    explicit SystemFile(const std::string& text) { std::ofstream(JPKI_SYSTEM_SETTINGS) << text; }
    ~SystemFile() { ::unlink(JPKI_SYSTEM_SETTINGS); }
};

// The visible effects of the settings.
inline bool consent_each(Fixture& f) {
    const auto session = f.open_logged_in(sign_slot);
    const bool each = attribute(session, find_key(session), CKA_ALWAYS_AUTHENTICATE) == Bytes{1};
    REQUIRE_OK(C_CloseSession(session));
    return each;
}
inline bool offers_pss() {
    CK_MECHANISM_INFO info{};
    return C_GetMechanismInfo(auth_slot, CKM_RSA_PKCS_PSS, &info) == CKR_OK;
}
inline bool takes_pins_at_the_pad(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    REQUIRE_OK(C_GetTokenInfo(slot, &info));
    return info.flags & CKF_PROTECTED_AUTHENTICATION_PATH;
}

// A fixture whose reader has a PIN pad.
struct WithPad : Fixture {
    explicit WithPad(const std::string& settings) : Fixture(settings) { fake::give_pad(reader_name, {}); }
};

inline std::size_t lines_with(const Directory& directory, const std::string& part) {
    std::size_t count = 0;
    for (const std::string& line : directory.log()) count += line.find(part) != std::string::npos;
    return count;
}

inline const std::string each = "[signature]\nconsent = \"each\"\n", at_login = "[signature]\nconsent = \"login\"\n";

}  // namespace jpki::test
