// Small parts of jpki-tool: dates as the offices count them, width on a terminal, untrusted text, exit statuses.
#include "dates.hpp"
#include "exit_status.hpp"
#include "i18n.hpp"
#include "known_cas.hpp"
#include "text.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

namespace tool = jpki::tool;
using namespace std::chrono;

namespace {

tool::Date date(int y, unsigned m, unsigned d) { return {year(y), month(m), day(d)}; }
tool::TimePoint utc(int y, unsigned m, unsigned d, int h = 0, int min = 0, int s = 0) {
    return sys_days(date(y, m, d)) + hours(h) + minutes(min) + seconds(s);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tool_text)

BOOST_AUTO_TEST_CASE(dates_are_those_of_japan) {
    // Certificates end at 23:59:59 in Japan, which is 14:59:59 UTC.
    BOOST_TEST((tool::japan_date(utc(2026, 5, 10, 14, 59, 59)) == date(2026, 5, 10)));
    BOOST_TEST((tool::japan_date(utc(2026, 5, 10, 15, 0, 0)) == date(2026, 5, 11)));
}

BOOST_AUTO_TEST_CASE(days_left_count_calendar_days_in_japan) {
    const auto end = utc(2026, 5, 10, 14, 59, 59);
    BOOST_TEST(tool::days_left(end, utc(2026, 5, 9, 14, 59, 59)) == 1);
    BOOST_TEST(tool::days_left(end, utc(2026, 5, 9, 15, 0, 0)) == 0);
    BOOST_TEST(tool::days_left(end, utc(2026, 5, 10, 14, 59, 59)) == 0);
    BOOST_TEST(tool::days_left(end, utc(2026, 5, 10, 15, 0, 0)) == -1);
    BOOST_TEST(tool::days_left(end, utc(2026, 5, 20, 15, 0, 0)) == -11);
    // A test certificate that expires at noon: expired on the same day too.
    BOOST_TEST(tool::days_left(utc(2026, 5, 10, 3), utc(2026, 5, 10, 4)) == -1);
}

BOOST_AUTO_TEST_CASE(renewal_opens_on_day_after_three_months_before) {
    BOOST_TEST((tool::renewal_opens(date(2026, 5, 10)) == date(2026, 2, 11)));
    BOOST_TEST((tool::renewal_opens(date(2026, 1, 15)) == date(2025, 10, 16)));
    BOOST_TEST((tool::renewal_opens(date(2026, 5, 31)) == date(2026, 3, 1)));  // no 31 February
    BOOST_TEST((tool::renewal_opens(date(2028, 5, 29)) == date(2028, 3, 1)));  // a leap year has a 29th
    BOOST_TEST((tool::renewal_opens(date(2026, 3, 31)) == date(2026, 1, 1)));
}

BOOST_AUTO_TEST_CASE(birth_dates_have_era_and_gregorian_year) {
    const auto birth = tool::parse_birth("419900101");
    BOOST_REQUIRE(birth);
    BOOST_TEST(birth->era == "Heisei");
    BOOST_TEST(birth->era_year == 2);
    BOOST_TEST(tool::shown(*birth) == "1990-01-01 (Heisei 2)");
    BOOST_TEST(tool::parse_birth("120000229").has_value());
    BOOST_TEST(tool::shown(*tool::parse_birth("019551200")) == "1955-12-00");  // parts that are not known
    BOOST_TEST(tool::parse_birth("520190501")->era_year == 1);
    for (const char* bad : {"", "41990010", "4199001011", "41990x101", "619900101", "419901301", "419900230", "419900132"})
        BOOST_TEST(!tool::parse_birth(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(east_asian_wide_characters_take_two_columns) {
    BOOST_TEST(tool::display_width("abc") == 3U);
    BOOST_TEST(tool::display_width("暗証番号") == 8U);
    BOOST_TEST(tool::display_width("暗証番号(数字4桁)") == 17U);
    BOOST_TEST(tool::display_width("か\xE3\x82\x99") == 2U);  // a combining voiced sound mark takes none
    BOOST_TEST(tool::display_width("ｶﾅ") == 2U);              // halfwidth
    tool::Table table(2);
    table.row({"有効期間", "A"});
    table.row({"PIN", "B"});
    BOOST_TEST(table.text() == "  有効期間  A\n  PIN       B\n");
}

BOOST_AUTO_TEST_CASE(control_characters_from_outside_do_not_reach_terminal) {
    BOOST_TEST(tool::printable("plain 氏名") == "plain 氏名");
    BOOST_TEST(tool::printable("\x1B[2J") == "\xEF\xBF\xBD[2J");
    BOOST_TEST(tool::printable("a\nb") ==
               "a\xEF\xBF\xBD"
               "b");
    BOOST_TEST(tool::printable("\xC2\x9B"
                               "31m") ==
               "\xEF\xBF\xBD"
               "31m");  // C1: CSI in one byte
    BOOST_TEST(tool::printable("\xE2\x80\xAE"
                               "txt") ==
               "\xEF\xBF\xBD"
               "txt");  // right-to-left override
    BOOST_TEST(tool::printable("\xFF\xC0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    BOOST_TEST(tool::printable("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
    BOOST_TEST(tool::printable("\xE6\x9A") == "\xEF\xBF\xBD\xEF\xBF\xBD");                  // cut short
}

BOOST_AUTO_TEST_CASE(placeholders_are_filled_once) {
    BOOST_TEST(tool::fill("{0} and {1}", {"{1}", "b"}) == "{1} and b");
    BOOST_TEST(tool::fill("{2} {x} {", {"a"}) == "{2} {x} {");
    BOOST_TEST(tool::fill_count("{0} try", "{0} tries", 1) == "1 try");
    BOOST_TEST(tool::fill_count("{0} try", "{0} tries", 3) == "3 tries");
}

BOOST_AUTO_TEST_CASE(exit_statuses_are_distinct_and_named) {
    std::set<int> values;
    std::set<std::string> names;
    for (const auto& status : tool::exit_statuses()) {
        values.insert(static_cast<int>(status.value));
        names.insert(status.name);
        BOOST_TEST(static_cast<int>(status.value) < 126);  // the shell's own statuses begin there
        BOOST_TEST(tool::name_of(status.value) == std::string(status.name));
    }
    BOOST_TEST(values.size() == tool::exit_statuses().size());
    BOOST_TEST(names.size() == tool::exit_statuses().size());
}

BOOST_AUTO_TEST_CASE(cas_are_found_by_key_id_and_key) {
    using jpki::Bytes;
    using jpki::KeyUse;
    const auto id = [](std::string_view text) {
        Bytes bytes;
        for (std::size_t i = 0; i < text.size(); i += 2)
            bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
        return bytes;
    };
    for (const auto& ca : tool::known_cas()) {
        Bytes bytes = id(ca.key_id);
        bytes.resize(20);
        BOOST_TEST(tool::find_known_ca(ca.use, bytes) == &ca);
        BOOST_TEST(tool::find_known_ca(other(ca.use), bytes) == nullptr);
        if (ca.key_id.size() < 40) continue;
        bytes[19] ^= 1;
        BOOST_TEST(tool::find_known_ca(ca.use, bytes) == nullptr);
    }
    BOOST_TEST(tool::find_known_ca(KeyUse::signature, id("4DE017DE")) == nullptr);  // a key id has 20 bytes
    BOOST_TEST(tool::find_known_ca(KeyUse::signature, {}) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
