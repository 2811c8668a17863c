#include "module/settings_table.hpp"

#include <array>

namespace jpki {

namespace {

template <class T> struct Word {
    std::string_view text;
    T value;
};

template <auto member, const auto& words> bool set_word(Settings& settings, std::string_view text) {
    for (const auto& word : words) {
        if (word.text != text) continue;
        settings.*member = word.value;
        return true;
    }
    return false;
}

constexpr Word<Settings::Consent> consents[] = {{"login", Settings::Consent::login}, {"each", Settings::Consent::each}};
constexpr Word<Settings::Pss> pss_words[] = {
    {"auto", Settings::Pss::automatic}, {"on", Settings::Pss::on}, {"off", Settings::Pss::off}};
constexpr Word<LogLevel> levels[] = {
    {"off", LogLevel::off}, {"error", LogLevel::error}, {"info", LogLevel::info}, {"debug", LogLevel::debug}};

bool set_log_file(Settings& settings, std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return false;
    settings.log_file = text;
    return true;
}

constexpr std::int64_t busy_timeout_most = 600'000;

constexpr std::array<SettingRow, 8> rows = {{
    {"signature", "consent", "JPKI_PKCS11_CONSENT", "\"login\" or \"each\"", "\"login\"",
     "`\"each\"`: every signature asks for the password; several programs cannot do that",
     set_word<&Settings::consent, consents>},
    {"mechanisms", "pss", "JPKI_PKCS11_PSS", "\"auto\", \"on\" or \"off\"", "\"auto\"",
     "RSA-PSS, for TLS 1.3: on cards that have it (`\"auto\"`), always (`\"on\"`) or never (`\"off\"`; TLS 1.2 only)",
     set_word<&Settings::pss, pss_words>},
    {"pin", "keep_last_try", nullptr, "true or false", "false", "`true`: with one try left no PIN is sent to the card",
     &Settings::keep_last_try},
    {"pin", "pinpad", nullptr, "true or false", "true", "use the reader's keypad, if it has one", &Settings::pinpad},
    {"pin", "pinpad_letters", nullptr, "true or false", "false", "the keypad has letters, which the signature password needs",
     &Settings::pinpad_letters},
    {"reader", "busy_timeout_ms", nullptr, "a number of milliseconds from 0 to 600000", "10000",
     "how long to wait for another program that holds the card",
     SettingRow::Duration{&Settings::busy_timeout, busy_timeout_most}},
    {"log", "file", "JPKI_PKCS11_LOG", "a path, \"stderr\" or \"\"", "\"\"", "a file, `\"stderr\"`, or no log", set_log_file},
    {"log", "level", "JPKI_PKCS11_LOG_LEVEL", "\"off\", \"error\", \"info\" or \"debug\"", "\"info\"",
     "`\"off\"`, `\"error\"`, `\"info\"` or `\"debug\"`", set_word<&Settings::log_level, levels>},
}};

}  // namespace

std::span<const SettingRow> setting_rows() noexcept { return rows; }

}  // namespace jpki
