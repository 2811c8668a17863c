// The module's log, for a test that reads it.
#pragma once

#include "temporary.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace jpki::test {

// A log file for the C_Initialize of one fixture.
struct LogFile {
    std::string path;
    LogFile() {
        path = temporary_directory() + "/jpki-log-XXXXXX";
        ::close(::mkstemp(path.data()));
    }
    ~LogFile() { ::unlink(path.c_str()); }
    std::string settings(const char* level = "info") const {
        return "[log]\nfile = \"" + path + "\"\nlevel = \"" + level + "\"\n";
    }
    std::vector<std::string> lines() const {
        std::ifstream file(path);
        std::vector<std::string> result;
        for (std::string line; std::getline(file, line);) result.push_back(line);
        return result;
    }
};

inline bool any_line_has(const LogFile& log, const std::string& words) {
    const auto lines = log.lines();
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

}  // namespace jpki::test
