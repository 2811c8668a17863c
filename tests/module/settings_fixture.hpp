// What the tests of settings share: files, environment variables, and what can be seen of the settings from outside.
#pragma once

#include "directory.hpp"
#include "fixture.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki::test {

namespace fake = jpki::fake;

// An environment variable for as long as it lives.
struct Environment {
    const char* name;
    Environment(const char* name_, const std::string& value) : name(name_) { ::setenv(name, value.c_str(), 1); }
    ~Environment() { ::unsetenv(name); }
};

// What this build takes for /etc/jpki-pkcs11.toml.
struct SystemFile {
    explicit SystemFile(const std::string& text) { std::ofstream(JPKI_SYSTEM_SETTINGS) << text; }
    ~SystemFile() { ::unlink(JPKI_SYSTEM_SETTINGS); }
};

// What can be seen of the settings from outside.
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

inline const std::string each = "[signature]\nconsent = \"each\"\n", at_login = "[signature]\nconsent = \"login\"\n";

}  // namespace jpki::test
