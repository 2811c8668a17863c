#include "i18n.hpp"

#include <clocale>
#include <cstring>
#include <filesystem>

namespace jpki::tool {

namespace {

constexpr const char* domain = "jpki-tool";

// Never from the environment: the catalogue determines the text that the user reads before a PIN entry.
std::filesystem::path catalogue_directory() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return JPKI_LOCALE_DIR;
    const auto beside = program.parent_path() / "locale";  // the build tree
    if (std::filesystem::is_directory(beside / "ja", error)) return beside;
    const auto relative = program.parent_path().parent_path() / JPKI_LOCALE_SUBDIR;
    if (std::filesystem::is_directory(relative, error)) return relative;
    return JPKI_LOCALE_DIR;
}

}  // namespace

void init_messages() {
    std::setlocale(LC_ALL, "");
    std::setlocale(LC_NUMERIC, "C");
    bindtextdomain(domain, catalogue_directory().c_str());
    textdomain(domain);
}

bool in_japanese() {
    // TRANSLATORS: the ISO 639 code of the language of this catalogue, such as "ja". Decides how dates are written.
    return std::strcmp(_("language code: en"), "ja") == 0;
}

std::string fill(std::string_view pattern, std::initializer_list<std::string_view> arguments) {
    std::string result;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const bool placeholder = pattern[i] == '{' && i + 2 < pattern.size() && pattern[i + 2] == '}' && pattern[i + 1] >= '0' &&
                                 static_cast<std::size_t>(pattern[i + 1] - '0') < arguments.size();
        if (!placeholder) {
            result += pattern[i];
            continue;
        }
        result += arguments.begin()[pattern[i + 1] - '0'];
        i += 2;
    }
    return result;
}

std::string fill_count(const char* one, const char* many, long count) {
    return fill(ngettext(one, many, static_cast<unsigned long>(count < 0 ? -count : count)), {std::to_string(count)});
}

}  // namespace jpki::tool
