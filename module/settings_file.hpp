// Settings files before they are parsed: their owner and mode, their size, and whether the parser can accept their text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace jpki {

// A settings file is about a page of text; larger ones are not read, so that a wrong path costs no memory.
inline constexpr std::size_t settings_size_max = 64 * 1024;
// Table and key need one dot; toml++ works by recursion, on the stack of a host's thread.
inline constexpr std::size_t settings_dots_max = 8, settings_depth_max = 8;

struct SettingsFile {
    bool there = false;   // whether a file with that name exists
    std::string trouble;  // why it is ignored; empty if it is not
    std::string text;
};
// Reads a regular file of at most settings_size_max bytes that belongs to the effective user or root and that no other user can
// write to. Opens it once, without waiting, and checks the open file. Throws std::bad_alloc only.
SettingsFile read_settings_file(const std::string& path);

struct SettingsTrouble {
    std::size_t line;
    std::string text;
};
// Prepares `text` for toml++ 3.3: blanks comment lines, so that they may be in any script, and requires ASCII otherwise,
// since toml++ has undefined behaviour for some other characters outside of strings (its test for white space). Returns the
// fault of the first line that toml++ must not get: other characters, more than settings_dots_max dots, values nested
// deeper than settings_depth_max, multi-line strings.
std::optional<SettingsTrouble> prepare_settings_text(std::string& text);

}  // namespace jpki
