// The settings, one row each: from it a file and the environment are read, complaints are worded, and the test of the installed
// file, of the man page and of conf/README.md (tests/module/conf_file_test.cpp) knows what must be in them.
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
    const char* allowed;        // "[table] key must be ...", in complaints
    const char* default_value;  // as it would stand in a settings file
    const char* help;           // its line in conf/README.md

    using Flag = bool Settings::*;
    // A number of milliseconds from 0 to `most`.
    struct Duration {
        std::chrono::milliseconds Settings::*value;
        std::int64_t most;
    };
    // Sets what the text says. False: it is not allowed.
    using Text = bool (*)(Settings& settings, std::string_view text);
    std::variant<Flag, Duration, Text> value;
};

std::span<const SettingRow> setting_rows() noexcept;

}  // namespace jpki
