// Dates as the offices count them: in Japan Standard Time, by calendar day.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace jpki::tool {

using Date = std::chrono::year_month_day;
using TimePoint = std::chrono::sys_seconds;

// The calendar day in Japan Standard Time (UTC+9, no daylight saving).
Date japan_date(TimePoint time);

TimePoint now();

// Whole calendar days in Japan from `now` to `end`; negative after the end.
long days_left(TimePoint end, TimePoint now);

// The first day on which a certificate that ends on `last_day` can be renewed: the day after the day three months before
// (municipal offices: "the day after the day three months before the last day of validity"). Where that month has no such day,
// the day after its last.
Date renewal_opens(Date last_day);

// "2026-05-10", or in Japanese 2026年5月10日.
std::string shown(Date date);
std::string iso(Date date);
std::string iso(TimePoint time);  // "2026-05-10T14:59:59Z"

// A birth date of the signature certificate (apdu/README.md, Certificates): an era digit (0 unknown, 1 Meiji ... 5 Reiwa) and the
// Gregorian YYYYMMDD. Parts of the date may be unknown ("00").
struct Birth {
    std::string era;   // "Heisei", "平成"; empty: unknown
    int era_year = 0;  // 1 is the first year (元年); 0: unknown
    int year = 0, month = 0, day = 0;
};
// No value for a text in another form.
std::optional<Birth> parse_birth(std::string_view text);
std::string shown(const Birth& birth);

}  // namespace jpki::tool
