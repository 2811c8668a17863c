#include "module/settings.hpp"

#include "module/settings_file.hpp"
#include "module/settings_table.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <variant>

// toml++ 3.3 asserts, or lets clang assume, conditions that a file can violate ("x=[}"): that would end the host's process. It
// works without either, so its assertions are compiled to nothing.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#ifndef JPKI_SYSTEM_SETTINGS
#define JPKI_SYSTEM_SETTINGS "/etc/jpki-pkcs11.toml"
#endif

namespace jpki {

namespace {

// For one file. A file that is not a settings file would fill the log.
constexpr std::size_t complaints_max = 20;

// One table of one file, with an error line for each key that is unknown or has a value of the wrong type.
class Reader {
public:
    Reader(const toml::table& root, const std::string& name, Settings& settings)
        : root_(root), name_(name), settings_(settings) {}

    void read(const SettingRow& row) {
        const toml::table* table = root_[row.table].as_table();
        const toml::node* node = table ? table->get(row.key) : nullptr;
        if (node && !set(row, *node)) complain(*node, std::string(row.table) + "." + row.key + " must be " + row.allowed);
    }

    void complain_of_unknown_keys() {
        for (const auto& [table_name, table_node] : root_) {
            const toml::table* table = table_node.as_table();
            if (!table) {
                complain(table_node, "unknown key " + shown(table_name.str()));
                continue;
            }
            for (const auto& [key, node] : *table) {
                if (!is_known(table_name.str(), key.str()))
                    complain(node, "unknown key " + shown(std::string(table_name.str()) + "." + std::string(key.str())));
            }
        }
    }

private:
    // False: not a value of the setting's type, or not an allowed one.
    bool set(const SettingRow& row, const toml::node& node) {
        if (const auto* flag = std::get_if<SettingRow::Flag>(&row.value)) {
            const auto value = node.value_exact<bool>();
            if (value) settings_.*(*flag) = *value;
            return value.has_value();
        }
        if (const auto* duration = std::get_if<SettingRow::Duration>(&row.value)) {
            const auto value = node.value_exact<std::int64_t>();
            if (!value || *value < 0 || *value > duration->most) return false;
            settings_.*duration->value = std::chrono::milliseconds(*value);
            return true;
        }
        const auto value = node.value_exact<std::string>();
        return value && std::get<SettingRow::Text>(row.value)(settings_, *value);
    }

    static bool is_known(std::string_view table, std::string_view key) {
        return std::ranges::any_of(setting_rows(), [&](const SettingRow& row) { return row.table == table && row.key == key; });
    }

    // A key comes from a file: only its printable characters reach the log.
    static std::string shown(std::string_view text) {
        std::string result;
        for (const char c : text.substr(0, 60)) result += c > 0x20 && c < 0x7F ? c : '?';
        return result;
    }

    void complain(const toml::node& node, const std::string& text) {
        if (++complaints_ > complaints_max) return;
        if (complaints_ == complaints_max) return settings_.complaints.push_back(name_ + ":0: further errors not shown");
        settings_.complaints.push_back(name_ + ":" + std::to_string(node.source().begin.line) + ": " + text);
    }

    const toml::table& root_;
    const std::string& name_;
    Settings& settings_;
    std::size_t complaints_ = 0;
};

// False if there is no such file; an existing file that cannot be used gives an error line.
bool apply_file(const std::string& path, Settings& settings) {
    const SettingsFile file = read_settings_file(path);
    if (!file.there) return false;
    if (file.trouble.empty()) apply_settings(file.text, path, settings);
    else settings.complaints.push_back(path + ":0: " + file.trouble);
    return true;
}

std::optional<std::string> environment(const char* name) {
    // secure_getenv: the caller of a set-user-ID host must not choose its log or its settings.
    const char* value = ::secure_getenv(name);
    if (!value || !*value) return std::nullopt;
    return value;
}

void apply_environment(const SettingRow& row, Settings& settings) {
    const auto value = row.environment ? environment(row.environment) : std::nullopt;
    const auto* set = std::get_if<SettingRow::Text>(&row.value);
    if (!value || !set || (*set)(settings, *value)) return;
    std::string allowed(row.allowed);
    std::erase(allowed, '"');  // a file's quotes
    settings.complaints.push_back(std::string("environment:0: ") + row.environment + " must be " + allowed);
}

}  // namespace

void apply_settings(std::string_view original, const std::string& name, Settings& settings) {
    std::string text(original);
    if (const auto trouble = prepare_settings_text(text)) {
        settings.complaints.push_back(name + ":" + std::to_string(trouble->line) + ": " + trouble->text);
        return;
    }
    const toml::parse_result parsed = toml::parse(std::string_view(text), name);
    if (!parsed) {
        settings.complaints.push_back(name + ":" + std::to_string(parsed.error().source().begin.line) + ": " +
                                      std::string(parsed.error().description().substr(0, 200)));
        return;
    }
    Reader reader(parsed.table(), name, settings);
    for (const SettingRow& row : setting_rows()) reader.read(row);
    reader.complain_of_unknown_keys();
}

Settings read_settings() {
    Settings settings;
    if (const auto file = environment("JPKI_PKCS11_CONFIG")) {
        if (!apply_file(*file, settings)) settings.complaints.push_back(*file + ":0: not found");
    } else {
        apply_file(JPKI_SYSTEM_SETTINGS, settings);
        if (const auto config_home = environment("XDG_CONFIG_HOME")) apply_file(*config_home + "/jpki-pkcs11.toml", settings);
        else if (const auto home = environment("HOME")) apply_file(*home + "/.config/jpki-pkcs11.toml", settings);
    }
    for (const SettingRow& row : setting_rows()) apply_environment(row, settings);
    return settings;
}

}  // namespace jpki
