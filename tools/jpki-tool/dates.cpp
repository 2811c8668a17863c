#include "dates.hpp"

#include "i18n.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace jpki::tool {

namespace {

using namespace std::chrono;

constexpr hours japan_offset{9};

struct Era {
    const char* name;
    int first_year;
};

// By the digit of the certificate. First years of the eras of modern Japan.
constexpr std::array<Era, 6> eras = {
    {{nullptr, 0}, {N_("Meiji"), 1868}, {N_("Taisho"), 1912}, {N_("Showa"), 1926}, {N_("Heisei"), 1989}, {N_("Reiwa"), 2019}}};

std::string formatted(const char* pattern, int a, int b, int c) {
    char text[48];
    std::snprintf(text, sizeof text, pattern, a, b, c);
    return text;
}

int number(std::string_view digits) {
    int value = 0;
    for (const char c : digits) value = value * 10 + (c - '0');
    return value;
}

}  // namespace

Date japan_date(TimePoint time) { return Date(floor<days>(time + japan_offset)); }

TimePoint now() { return floor<seconds>(system_clock::now()); }

long days_left(TimePoint end, TimePoint now) {
    if (end < now) return -std::max<long>(1, (sys_days(japan_date(now)) - sys_days(japan_date(end))).count());
    return (sys_days(japan_date(end)) - sys_days(japan_date(now))).count();
}

Date renewal_opens(Date last_day) {
    Date before = last_day - months(3);
    if (!before.ok()) before = before.year() / before.month() / last;
    return Date(sys_days(before) + days(1));
}

std::string iso(Date date) {
    return formatted("%04d-%02d-%02d", int(date.year()), static_cast<int>(unsigned(date.month())),
                     static_cast<int>(unsigned(date.day())));
}

std::string shown(Date date) {
    if (!in_japanese()) return iso(date);
    return formatted("%d年%d月%d日", int(date.year()), static_cast<int>(unsigned(date.month())),
                     static_cast<int>(unsigned(date.day())));
}

std::string iso(TimePoint time) {
    const auto day = floor<days>(time);
    const hh_mm_ss clock(time - day);
    return iso(Date(day)) + formatted("T%02d:%02d:%02dZ", static_cast<int>(clock.hours().count()),
                                      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
}

std::optional<Birth> parse_birth(std::string_view text) {
    if (text.size() != 9 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
    const auto era = static_cast<std::size_t>(text[0] - '0');
    Birth birth{"", 0, number(text.substr(1, 4)), number(text.substr(5, 2)), number(text.substr(7, 2))};
    if (era >= eras.size() || birth.month > 12 || birth.day > 31) return std::nullopt;
    if (birth.month != 0 && birth.day != 0 &&
        !Date(year(birth.year), month(static_cast<unsigned>(birth.month)), day(static_cast<unsigned>(birth.day))).ok())
        return std::nullopt;
    if (era == 0) return birth;
    birth.era = _(eras[era].name);
    if (birth.year >= eras[era].first_year) birth.era_year = birth.year - eras[era].first_year + 1;
    return birth;
}

std::string shown(const Birth& birth) {
    const auto part = [](int value) { return value == 0 ? std::string(_("unknown")) : std::to_string(value); };
    std::string date;
    if (in_japanese()) {
        date = part(birth.year) + "年" + part(birth.month) + "月" + part(birth.day) + "日";
    } else {
        date = formatted("%04d-%02d-%02d", birth.year, birth.month, birth.day);
    }
    if (birth.era.empty()) return date;
    if (birth.era_year == 0) return fill(_("{0} (era: {1})"), {date, birth.era});
    if (in_japanese()) {
        const std::string year = birth.era_year == 1 ? "元" : std::to_string(birth.era_year);
        return birth.era + year + "年" + part(birth.month) + "月" + part(birth.day) + "日 (西暦" + std::to_string(birth.year) +
               "年)";
    }
    return date + " (" + birth.era + " " + std::to_string(birth.era_year) + ")";
}

}  // namespace jpki::tool
