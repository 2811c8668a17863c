#include "text.hpp"

#include <algorithm>
#include <cwchar>
#include <locale.h>

namespace jpki::tool {

namespace {

// glibc's table of widths is Unicode's; it is used in every locale of the user.
class WidthLocale {
public:
    WidthLocale() : unicode_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(unicode_ ? uselocale(unicode_) : nullptr) {}
    ~WidthLocale() {
        if (!unicode_) return;
        uselocale(before_);
        freelocale(unicode_);
    }
    WidthLocale(const WidthLocale&) = delete;
    WidthLocale& operator=(const WidthLocale&) = delete;

private:
    locale_t unicode_;
    locale_t before_;
};

struct Decoded {
    char32_t character = 0;
    std::size_t size = 0;  // 0: malformed
};

// RFC 3629: no overlong forms, no surrogates, nothing above 10FFFF.
Decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
    char32_t character = lead & (0xFF >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return {};
        character = character << 6 | (byte(i) & 0x3F);
    }
    const bool overlong = (size == 3 && character < 0x800) || (size == 4 && character < 0x10000);
    if (overlong || (character >= 0xD800 && character <= 0xDFFF) || character > 0x10FFFF) return {};
    return {character, size};
}

bool changes_direction(char32_t c) {
    return c == 0x200E || c == 0x200F || c == 0x061C || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029; }

}  // namespace

std::size_t display_width(std::string_view text) {
    const WidthLocale locale;
    std::size_t columns = 0;
    while (!text.empty()) {
        const Decoded next = decode(text);
        const int width = next.size == 0 ? 1 : wcwidth(static_cast<wchar_t>(next.character));
        columns += width > 0 ? static_cast<std::size_t>(width) : 0;
        text.remove_prefix(std::max<std::size_t>(next.size, 1));
    }
    return columns;
}

std::string printable(std::string_view text) {
    static constexpr std::string_view replacement = "\xEF\xBF\xBD";
    std::string result;
    while (!text.empty()) {
        const Decoded next = decode(text);
        if (next.size == 0 || is_control(next.character) || changes_direction(next.character)) {
            result += replacement;
        } else {
            result += text.substr(0, next.size);
        }
        text.remove_prefix(std::max<std::size_t>(next.size, 1));
    }
    return result;
}

std::string padded(std::string_view text, std::size_t columns) {
    const std::size_t width = display_width(text);
    return std::string(text) + std::string(columns > width ? columns - width : 0, ' ');
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_)
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            if (widths.size() <= i) widths.push_back(0);
            widths[i] = std::max(widths[i], display_width(row[i]));
        }
    std::string result;
    for (const auto& row : rows_) {
        result.append(indent_, ' ');
        for (std::size_t i = 0; i < row.size(); ++i) result += i + 1 < row.size() ? padded(row[i], widths[i] + 2) : row[i];
        result += '\n';
    }
    return result;
}

}  // namespace jpki::tool
