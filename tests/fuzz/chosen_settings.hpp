// The settings of one input, and its log.
#pragma once

#include "input.hpp"

#include <string>

namespace jpki::fuzz {

// Writes the settings that the input's next bytes choose, for the next C_Initialize: in a file, which may also contain any text,
// or in the environment.
struct ChosenSettings {
    explicit ChosenSettings(Input& input);

    bool consent_each = false;  // what the module must obey
    bool logs = false;
};

// A file that exists in memory only, by its descriptor's path: a fuzzer may write it thousands of times a second.
class MemoryFile {
public:
    MemoryFile();
    void write(const std::string& text) const;
    const std::string& path() const { return path_; }
    int descriptor() const { return descriptor_; }

private:
    int descriptor_;
    std::string path_;
};

// The log since the last call. The module writes it to a file of this process, which is removed at the end.
std::string take_log();

}  // namespace jpki::fuzz
