#include "module/settings.hpp"

#include "module/settings_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>

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

    void boolean(const char* table, const char* key, bool& out) {
        if (const toml::node* node = take(table, key)) {
            if (const auto value = node->value_exact<bool>()) out = *value;
            else complain(*node, std::string(table) + "." + key + " must be true or false");
        }
    }

    void text(const char* table, const char* key, const char* allowed, const std::function<bool(const std::string&)>& set) {
        if (const toml::node* node = take(table, key)) {
            const auto value = node->value_exact<std::string>();
            if (!value || !set(*value)) complain(*node, std::string(table) + "." + key + " must be " + allowed);
        }
    }

    void milliseconds(const char* table, const char* key, std::chrono::milliseconds& out, std::int64_t most) {
        if (const toml::node* node = take(table, key)) {
            const auto value = node->value_exact<std::int64_t>();
            if (value && *value >= 0 && *value <= most) out = std::chrono::milliseconds(*value);
            else
                complain(*node,
                         std::string(table) + "." + key + " must be a number of milliseconds from 0 to " + std::to_string(most));
        }
    }

    void complain_of_unknown_keys() {
        for (const auto& [table_name, table_node] : root_) {
            const toml::table* table = table_node.as_table();
            if (!table) {
                complain(table_node, "unknown key " + shown(table_name.str()));
                continue;
            }
            for (const auto& [key, node] : *table) {
                const std::string full = std::string(table_name.str()) + "." + std::string(key.str());
                if (std::find(known_.begin(), known_.end(), full) == known_.end()) complain(node, "unknown key " + shown(full));
            }
        }
    }

private:
    const toml::node* take(const char* table, const char* key) {
        known_.push_back(std::string(table) + "." + key);
        const toml::table* found = root_[table].as_table();
        return found ? found->get(key) : nullptr;
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
    std::vector<std::string> known_;
    std::size_t complaints_ = 0;
};

bool set_consent(const std::string& text, Settings& settings) {
    if (text == "login") settings.consent = Settings::Consent::login;
    else if (text == "each") settings.consent = Settings::Consent::each;
    else return false;
    return true;
}

bool set_pss(const std::string& text, Settings& settings) {
    if (text == "auto") settings.pss = Settings::Pss::automatic;
    else if (text == "on") settings.pss = Settings::Pss::on;
    else if (text == "off") settings.pss = Settings::Pss::off;
    else return false;
    return true;
}

bool set_level(const std::string& text, Settings& settings) {
    if (text == "off") settings.log_level = LogLevel::off;
    else if (text == "error") settings.log_level = LogLevel::error;
    else if (text == "info") settings.log_level = LogLevel::info;
    else if (text == "debug") settings.log_level = LogLevel::debug;
    else return false;
    return true;
}

bool set_log_file(const std::string& text, Settings& settings) {
    if (text.find('\0') != std::string::npos) return false;
    settings.log_file = text;
    return true;
}

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

void apply_environment(const char* name, const char* allowed, Settings& settings, bool (*set)(const std::string&, Settings&)) {
    if (const auto value = environment(name); value && !set(*value, settings))
        settings.complaints.push_back(std::string("environment:0: ") + name + " must be " + allowed);
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
    reader.text("signature", "consent", "\"login\" or \"each\"",
                [&](const std::string& value) { return set_consent(value, settings); });
    reader.text("mechanisms", "pss", "\"auto\", \"on\" or \"off\"",
                [&](const std::string& value) { return set_pss(value, settings); });
    reader.boolean("pin", "keep_last_try", settings.keep_last_try);
    reader.boolean("pin", "pinpad", settings.pinpad);
    reader.boolean("pin", "pinpad_letters", settings.pinpad_letters);
    reader.milliseconds("reader", "busy_timeout_ms", settings.busy_timeout, 600'000);
    reader.text("log", "file", "a path, \"stderr\" or \"\"",
                [&](const std::string& value) { return set_log_file(value, settings); });
    reader.text("log", "level", "\"off\", \"error\", \"info\" or \"debug\"",
                [&](const std::string& value) { return set_level(value, settings); });
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
    apply_environment("JPKI_PKCS11_CONSENT", "login or each", settings, set_consent);
    apply_environment("JPKI_PKCS11_PSS", "auto, on or off", settings, set_pss);
    if (const auto file = environment("JPKI_PKCS11_LOG")) settings.log_file = *file;
    apply_environment("JPKI_PKCS11_LOG_LEVEL", "off, error, info or debug", settings, set_level);
    return settings;
}

}  // namespace jpki
