// conf/jpki-pkcs11.toml and jpki-pkcs11.toml(5) agree with the module: every setting, each with its default.
#include "module/settings.hpp"
#include "module/settings_table.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <variant>

using namespace jpki;

namespace {

std::string contents(const std::string& path) {
    std::ifstream file(std::string(JPKI_SOURCE_DIR) + "/" + path);
    BOOST_REQUIRE_MESSAGE(file, path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The file without the # before every setting ("#key = value"; prose has "# ").
std::string uncommented(const std::string& text) {
    std::istringstream lines(text);
    std::string result;
    for (std::string line; std::getline(lines, line);) {
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
        result += line + "\n";
    }
    return result;
}

struct Setting {
    std::string table, key, value;
};

std::vector<Setting> settings_in(const std::string& text) {
    static const std::regex table_line(R"(\[(\w+)\])"), key_line(R"((\w+) = (.+))");
    std::vector<Setting> result;
    std::istringstream lines(uncommented(text));
    std::string table;
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_match(line, match, table_line)) table = match[1];
        else if (std::regex_match(line, match, key_line)) result.push_back({table, match[1], match[2]});
        else BOOST_CHECK_MESSAGE(line.empty() || line[0] == '#', "neither a table nor a setting nor prose: " + line);
    }
    return result;
}

std::set<std::string> names_in(const std::string& text) {
    std::set<std::string> result;
    for (const Setting& setting : settings_in(text)) result.insert(setting.table + "." + setting.key);
    return result;
}

std::set<std::string> names_in_table() {
    std::set<std::string> result;
    for (const SettingRow& row : setting_rows()) result.insert(std::string(row.table) + "." + row.key);
    return result;
}

void check_equal(const Settings& a, const Settings& b) {
    BOOST_CHECK(a.consent == b.consent);
    BOOST_CHECK(a.pss == b.pss);
    BOOST_CHECK_EQUAL(a.keep_last_try, b.keep_last_try);
    BOOST_CHECK_EQUAL(a.pinpad, b.pinpad);
    BOOST_CHECK_EQUAL(a.pinpad_letters, b.pinpad_letters);
    BOOST_CHECK_EQUAL(a.busy_timeout.count(), b.busy_timeout.count());
    BOOST_CHECK_EQUAL(a.log_file, b.log_file);
    BOOST_CHECK(a.log_level == b.log_level);
    BOOST_CHECK_EQUAL(a.complaints.size(), b.complaints.size());
}

// As far from the defaults as possible, so that a value which the file does not set is noticed.
Settings others() {
    Settings settings;
    settings.consent = Settings::Consent::each;
    settings.pss = Settings::Pss::off;
    settings.keep_last_try = true;
    settings.pinpad = false;
    settings.pinpad_letters = true;
    settings.busy_timeout = std::chrono::milliseconds(1);
    settings.log_file = "elsewhere";
    settings.log_level = LogLevel::debug;
    return settings;
}

const char* const file = "conf/jpki-pkcs11.toml";

}  // namespace

BOOST_AUTO_TEST_CASE(installed_file_changes_no_default) {
    Settings settings = others();
    apply_settings(contents(file), file, settings);
    check_equal(settings, others());
}

BOOST_AUTO_TEST_CASE(every_setting_is_in_file_with_its_default) {
    Settings settings = others();
    apply_settings(uncommented(contents(file)), file, settings);
    for (const std::string& complaint : settings.complaints) BOOST_ERROR(complaint);
    check_equal(settings, Settings{});

    const auto there = names_in(contents(file)), known = names_in_table();
    BOOST_CHECK_EQUAL_COLLECTIONS(there.begin(), there.end(), known.begin(), known.end());
    const auto shown = settings_in(contents(file));
    for (const SettingRow& row : setting_rows())
        BOOST_CHECK_MESSAGE(std::ranges::any_of(shown,
                                                [&](const Setting& one) {
                                                    return one.table == row.table && one.key == row.key &&
                                                           one.value == row.default_value;
                                                }),
                            std::string(row.key) + " has another default in the file");
}

BOOST_AUTO_TEST_CASE(every_setting_has_explanation_before_it) {
    std::istringstream lines(contents(file));
    std::string before;
    for (std::string line; std::getline(lines, line); before = line)
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') BOOST_CHECK_MESSAGE(before.rfind("# ", 0) == 0, line);
}

BOOST_AUTO_TEST_CASE(bad_value_for_each_setting_is_one_log_line_with_its_name) {
    for (const Setting& setting : settings_in(contents(file))) {
        Settings settings;
        apply_settings("[" + setting.table + "]\n" + setting.key + " = [1]\n", "bad", settings);
        BOOST_REQUIRE_EQUAL(settings.complaints.size(), 1u);
        const auto rows = setting_rows();
        const auto row = std::ranges::find_if(
            rows, [&](const SettingRow& one) { return one.table == setting.table && one.key == setting.key; });
        BOOST_REQUIRE(row != rows.end());
        BOOST_CHECK_EQUAL(settings.complaints[0], "bad:2: " + setting.table + "." + setting.key + " must be " + row->allowed);
        settings.complaints.clear();
        check_equal(settings, Settings{});
    }
}

BOOST_AUTO_TEST_CASE(man_page_lists_the_same_settings_and_defaults) {
    const std::string page = contents("conf/man/jpki-pkcs11.toml.5");
    for (const Setting& setting : settings_in(contents(file))) {
        BOOST_CHECK_NE(page.find(".SS [" + setting.table + "]\n"), std::string::npos);
        const std::string value = std::regex_replace(setting.value, std::regex("\""), "\\(dq");
        const std::string entry = ".BR " + setting.key + " \" = \" " + value + "\n";
        BOOST_CHECK_MESSAGE(page.find(entry) != std::string::npos, "not in the man page: " + entry);
    }
    for (const SettingRow& row : setting_rows())
        if (row.environment) BOOST_CHECK_MESSAGE(page.find(row.environment) != std::string::npos, row.environment);
}

BOOST_AUTO_TEST_CASE(every_value_that_complaint_names_is_allowed) {
    const std::regex quoted("\"([^\"]*)\"");
    for (const SettingRow& row : setting_rows()) {
        const auto* set = std::get_if<SettingRow::Text>(&row.value);
        if (!set) continue;
        const std::string allowed = row.allowed;
        for (std::sregex_iterator i(allowed.begin(), allowed.end(), quoted), end; i != end; ++i) {
            Settings settings;
            BOOST_CHECK_MESSAGE((*set)(settings, (*i)[1].str()), std::string(row.key) + " = " + (*i)[0].str());
        }
    }
}

BOOST_AUTO_TEST_CASE(readme_lists_every_setting_with_its_default_help_and_environment_variable) {
    const std::string page = contents("conf/README.md");
    for (const SettingRow& row : setting_rows()) {
        const std::string line =
            std::string("| `[") + row.table + "] " + row.key + "` | `" + row.default_value + "` | " + row.help + " |\n";
        BOOST_CHECK_MESSAGE(page.find(line) != std::string::npos, "not in conf/README.md: " + line);
        if (row.environment)
            BOOST_CHECK_MESSAGE(page.find(std::string("`") + row.environment + "`") != std::string::npos, row.environment);
    }
}
