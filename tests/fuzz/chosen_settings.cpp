#include "chosen_settings.hpp"

#include "must.hpp"

#include <array>
#include <cstdlib>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki::fuzz {

namespace {

struct LogFile {
    LogFile() {
        char name[] = "/tmp/jpki-fuzz-log-XXXXXX";
        descriptor = ::mkstemp(name);
        must(descriptor >= 0);
        path = name;
    }
    ~LogFile() { ::unlink(path.c_str()); }
    int descriptor;
    std::string path;
};

LogFile& log_file() {
    static LogFile file;
    return file;
}

void set_or_unset(const char* name, const char* value) {
    if (value) ::setenv(name, value, 1);
    else ::unsetenv(name);
}

}  // namespace

MemoryFile::MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    // The mode of a new one is 0777, which the module does not trust.
    must(descriptor_ >= 0 && ::fchmod(descriptor_, 0600) == 0);
    path_ = "/proc/self/fd/" + std::to_string(descriptor_);
}

void MemoryFile::write(const std::string& text) const {
    must(::ftruncate(descriptor_, 0) == 0 &&
         ::pwrite(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
}

std::string take_log() {
    const int file = log_file().descriptor;
    struct stat status {};
    must(::fstat(file, &status) == 0);
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    must(::pread(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) && ::ftruncate(file, 0) == 0);
    return text;
}

ChosenSettings::ChosenSettings(Input& input) {
    static constexpr std::array pss = {"auto", "on", "off", "auto"};
    static constexpr std::array timeouts = {"", "busy_timeout_ms = 0\n", "busy_timeout_ms = 50\n", "busy_timeout_ms = 600000\n"};
    static constexpr std::array levels = {"off", "error", "info", "debug"};
    static const MemoryFile file;
    const auto first = input.byte(), second = input.byte();
    consent_each = first & 1;
    logs = (second & 3) != 0;
    const char* const consent = consent_each ? "each" : "login";
    const char* const pss_word = pss[(first >> 1) & 3];
    const bool in_environment = second & 4;
    std::string text;
    if (!in_environment)
        text = std::string("[signature]\nconsent = \"") + consent + "\"\n[mechanisms]\npss = '" + pss_word + "'\n";
    text += std::string("[pin]\nkeep_last_try = ") + (first & 8 ? "true" : "false");
    text += std::string("\npinpad = ") + (first & 16 ? "false" : "true");
    text += std::string("\npinpad_letters = ") + (first & 32 ? "true" : "false") + "\n[reader]\n" + timeouts[first >> 6];
    if (second & 8) {
        // Any text after it. Without a header before it, it may make the whole file invalid, and then the defaults apply.
        const auto more = input.bytes(input.byte());
        text.append(more.begin(), more.end());
        consent_each = consent_each && in_environment;
    }
    file.write(text);
    ::setenv("JPKI_PKCS11_CONFIG", second & 16 ? "/dev/null/none" : file.path().c_str(), 1);
    if (second & 16) consent_each = consent_each && in_environment;
    set_or_unset("JPKI_PKCS11_CONSENT", in_environment ? consent : nullptr);
    set_or_unset("JPKI_PKCS11_PSS", in_environment ? second & 32 ? "wrong" : pss_word : nullptr);
    set_or_unset("JPKI_PKCS11_LOG", logs ? log_file().path.c_str() : nullptr);
    set_or_unset("JPKI_PKCS11_LOG_LEVEL", levels[second & 3]);
}

}  // namespace jpki::fuzz
