// A directory of a test's own, and the module's log in it.
#pragma once

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <vector>

namespace jpki::test {

struct Directory {
    std::string path;
    Directory() {
        char name[] = "/tmp/jpki-settings-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
        std::ofstream(path + "/" + name, std::ios::binary) << text;
        return path + "/" + name;
    }
    std::vector<std::string> log() const {
        std::ifstream file(path + "/log");
        std::vector<std::string> lines;
        for (std::string line; std::getline(file, line);) lines.push_back(line);
        return lines;
    }
};

inline std::size_t lines_with(const Directory& directory, const std::string& part) {
    std::size_t count = 0;
    for (const std::string& line : directory.log()) count += line.find(part) != std::string::npos;
    return count;
}

}  // namespace jpki::test
