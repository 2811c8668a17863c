// The settings, one row each: used to read files and the environment, for error lines, and by the test of the installed
// file, of the man page and of conf/README.md (tests/module/conf_file_test.cpp).
#pragma once

#include "module/settings.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace jpki {

struct SettingRow {
    const char *table, *key;
    const char* environment;    // the variable that overrides the files; NULL: none
    const char* allowed;        // "[table] key must be ...", in error lines
    const char* default_value;  // as in a settings file
    const char* help;           // its line in conf/README.md

    using Flag = bool Settings::*;
    // A number of milliseconds from 0 to `most`.
    struct Duration {
        std::chrono::milliseconds Settings::*value;
        std::int64_t most;
    };
    // Sets the value of the text. False: the value is not allowed.
    using Text = bool (*)(Settings& settings, std::string_view text);
    std::variant<Flag, Duration, Text> value;
};

std::span<const SettingRow> setting_rows() noexcept;

}  // namespace jpki
