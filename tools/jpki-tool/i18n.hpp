// Messages in the user's language, by gettext. English is the language of the source.
#pragma once

#include <initializer_list>
#include <libintl.h>
#include <string>
#include <string_view>

// Marked for xgettext: translated here, or later where it is displayed.
#define _(text) gettext(text)
#define N_(text) text

namespace jpki::tool {

// Sets the locale of the environment, and finds the catalogue of this program: in the build tree that of the
// build, otherwise PREFIX/share/locale beside PREFIX/bin. Output is UTF-8 unless the locale names another encoding.
void init_messages();

// True when messages are shown in Japanese.
bool in_japanese();

// `pattern` with {0}, {1} ... replaced by the arguments. A placeholder without an argument stays unchanged.
std::string fill(std::string_view pattern, std::initializer_list<std::string_view> arguments);

// "1 try", "3 tries": the form for `count`, with {0} replaced by it.
std::string fill_count(const char* one, const char* many, long count);

}  // namespace jpki::tool
