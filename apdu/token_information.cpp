#include "apdu/token_information.hpp"

#include <algorithm>

namespace jpki {

namespace {

// Offsets of CK_TOKEN_INFO's members if every CK_ULONG has four bytes and nothing is aligned.
constexpr std::size_t label_at = 0, label_size = 32;
constexpr std::size_t model_at = 64, model_size = 16;
static_assert(model_at + model_size == TokenInformation::size);

std::optional<std::string> text_at(ByteView file, std::size_t at, std::size_t size) {
    const ByteView field = file.subspan(at, size);
    const auto printable = [](std::uint8_t c) { return (c >= 0x20 && c < 0x7F) || c == 0; };
    if (!std::all_of(field.begin(), field.end(), printable)) return std::nullopt;
    std::string text(field.begin(), field.end());
    const auto end = text.find_last_not_of(std::string(" \0", 2));
    text.resize(end == std::string::npos ? 0 : end + 1);
    if (text.find('\0') != std::string::npos) return std::nullopt;
    return text;
}

}  // namespace

std::optional<TokenInformation> parse_token_information(ByteView file) {
    if (file.size() < TokenInformation::size) return std::nullopt;
    auto label = text_at(file, label_at, label_size);
    auto model = text_at(file, model_at, model_size);
    if (!label || !model) return std::nullopt;
    TokenInformation information;
    information.label = std::move(*label);
    information.model = std::move(*model);
    return information;
}

}  // namespace jpki
