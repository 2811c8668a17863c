// Settings: the system's file, then the user's, then the environment (conf/jpki-pkcs11.toml lists every key).
#pragma once

#include "apdu/log.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace jpki {

struct Settings {
    enum class Consent { login, each };
    enum class Pss { automatic, on, off };

    Consent consent = Consent::login;                // [signature] consent
    Pss pss = Pss::automatic;                        // [mechanisms] pss
    bool keep_last_try = false;                      // [pin] keep_last_try
    bool pinpad = true;                              // [pin] pinpad
    bool pinpad_letters = false;                     // [pin] pinpad_letters
    std::chrono::milliseconds busy_timeout{10'000};  // [reader] busy_timeout_ms
    std::string log_file;                            // [log] file; empty: no log
    LogLevel log_level = LogLevel::info;             // [log] level

    // One line for each error: "file:line: text". An invalid setting keeps its earlier value.
    std::vector<std::string> complaints;
};

// Reads /etc/jpki-pkcs11.toml (the path is set at build time), then the user's file, then the environment. Never throws
// for the contents of a file; std::bad_alloc only.
Settings read_settings();

// The same for one text, as read_settings() does for each file: overrides what is in `settings`. `name` is for error lines.
void apply_settings(std::string_view text, const std::string& name, Settings& settings);

}  // namespace jpki
