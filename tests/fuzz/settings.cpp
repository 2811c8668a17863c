// A settings file of any contents, also read from a file of any kind, and the environment: no crash, only legal values, no
// control characters of keys in log lines.
//
// An input that ends with a zero byte and up to three others after it chooses with these how the text is read.
#include "chosen_settings.hpp"
#include "input.hpp"
#include "must.hpp"

#include "module/settings.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

using jpki::Settings;
using jpki::fuzz::Input;
using jpki::fuzz::MemoryFile;
using jpki::fuzz::must;

namespace {

void check(const Settings& settings) {
    must(settings.busy_timeout.count() >= 0 && settings.busy_timeout.count() <= 600'000);
    must(settings.log_file.find('\0') == std::string::npos);
}

void set_or_unset(const char* name, const char* value) {
    if (value) ::setenv(name, value, 1);
    else ::unsetenv(name);
}

// Where the user's file is looked for.
void choose_path(std::uint8_t choice, const std::string& path) {
    // Regular files that the module cannot read or must not trust, and what is no file.
    static constexpr std::array others = {"/dev/null/none", "/proc/self/mem", "/dev/null", "/proc/self/fd", "/nonexistent/x"};
    const char* const file = choice & 8 ? path.c_str() : others[(choice & 7) % others.size()];
    set_or_unset("JPKI_PKCS11_CONFIG", choice & 16 ? nullptr : file);
    set_or_unset("XDG_CONFIG_HOME", choice & 32 ? nullptr : choice & 64 ? "" : "/nonexistent");
    set_or_unset("HOME", choice & 128 ? nullptr : "/nonexistent");
}

void choose_environment(std::uint8_t choice) {
    static constexpr std::array<const char*, 4> words = {nullptr, "each", "off", "no such value"};
    set_or_unset("JPKI_PKCS11_CONSENT", words[choice & 3]);
    set_or_unset("JPKI_PKCS11_PSS", words[(choice >> 2) & 3]);
    set_or_unset("JPKI_PKCS11_LOG_LEVEL", words[(choice >> 4) & 3]);
    set_or_unset("JPKI_PKCS11_LOG", words[choice >> 6]);
}

void read_from_a_file(std::string text, Input choices) {
    static const MemoryFile file;
    const auto path = choices.byte(), environment = choices.byte(), mode = choices.byte();
    if (mode & 1)
        while (!text.empty() && text.size() < 70'000) text += text;  // larger than allowed
    file.write(text);
    must(::fchmod(file.descriptor(), mode & 2 ? 0666 : 0600) == 0);
    const bool owned_by_another = mode & 4 && ::geteuid() == 0;
    if (owned_by_another) must(::fchown(file.descriptor(), 1, 1) == 0);
    choose_path(path, file.path());
    choose_environment(environment);
    const Settings settings = jpki::read_settings();
    if (owned_by_another) must(::fchown(file.descriptor(), 0, 0) == 0);
    check(settings);
    // Nothing of a file that others can write.
    if ((path & 24) == 8 && (mode & 2 || owned_by_another))
        must(settings.busy_timeout == Settings().busy_timeout && !settings.complaints.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Settings settings;
    jpki::apply_settings(text, "fuzz.toml", settings);
    check(settings);
    for (const std::string& complaint : settings.complaints) must(complaint.rfind("fuzz.toml:", 0) == 0);
    const std::size_t zero = text.rfind('\0');
    if (zero != std::string_view::npos && size - zero <= 4)
        read_from_a_file(std::string(text.substr(0, zero)), Input(data + zero + 1, size - zero - 1));
    return 0;
}
