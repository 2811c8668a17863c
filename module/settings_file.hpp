// Settings files before they are parsed: whose they are, how large, and whether they are text that the parser can be given.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace jpki {

// A settings file is a page of text; more is not read, so that a wrong path costs no memory.
inline constexpr std::size_t settings_size_max = 64 * 1024;
// Table and key make one dot; toml++ works by recursion, on the stack of a host's thread.
inline constexpr std::size_t settings_dots_max = 8, settings_depth_max = 8;

struct SettingsFile {
    bool there = false;   // whether there is anything under that name
    std::string trouble;  // why it is not obeyed; empty when it is
    std::string text;
};
// Reads a regular file of at most settings_size_max bytes that belongs to the effective user or root and that nobody else can
// write to. Opens it once, without waiting, and judges what was opened. Throws std::bad_alloc only.
SettingsFile read_settings_file(const std::string& path);

struct SettingsTrouble {
    std::size_t line;
    std::string text;
};
// Makes `text` what toml++ 3.3 can be given: comment lines blanked, so that they may be in any script, and otherwise ASCII,
// since it runs into undefined behaviour on some other characters outside of strings (its test for white space). Returns what
// is wrong with the first line that it cannot be given: other characters, more than settings_dots_max dots, values nested
// deeper than settings_depth_max, strings of several lines.
std::optional<SettingsTrouble> prepare_settings_text(std::string& text);

}  // namespace jpki
