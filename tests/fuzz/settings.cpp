// A settings file of any contents: no crash, only legal values, no control characters of keys in log lines.
#include "module/settings.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jpki::Settings settings;
    jpki::apply_settings({reinterpret_cast<const char*>(data), size}, "fuzz.toml", settings);
    if (settings.busy_timeout.count() < 0 || settings.busy_timeout.count() > 600'000) std::abort();
    for (const std::string& complaint : settings.complaints)
        if (complaint.rfind("fuzz.toml:", 0) != 0) std::abort();
    return 0;
}
