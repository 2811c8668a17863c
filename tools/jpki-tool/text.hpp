// UTF-8 on a terminal: width in columns, sanitised text, aligned tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jpki::tool {

// Width of `text` in columns: 2 for East Asian wide characters (Unicode UAX #11), 0 for combining ones.
std::size_t display_width(std::string_view text);

// `text` from a card, a reader or a file, sanitised for display: malformed UTF-8, control characters and the characters that
// change the direction of writing are replaced by U+FFFD.
std::string printable(std::string_view text);

// `text` padded with spaces to `columns`.
std::string padded(std::string_view text, std::size_t columns);

// Rows of cells in columns two spaces apart, each row indented; the last cell of a row can have any width.
class Table {
public:
    explicit Table(std::size_t indent = 0) : indent_(indent) {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const noexcept { return rows_.empty(); }
    std::string text() const;

private:
    std::size_t indent_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace jpki::tool
