// One row once, in a process of its own.
#pragma once

#include "rows.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace jpki::bench {

struct Sample {  // for each of what the row names, e.g. for each signature
    double commands = 0, bytes = 0, signatures = 0, milliseconds = 0;
    std::vector<std::string> notes;
    std::string cannot;  // why not; the rest is empty then
};

struct ModuleUnderTest {
    std::string name, path;
};

// The module is loaded in a child process, so that nothing is left of the row before, in memory or in pcscd; the card
// is made to forget too. A child that crashes or hangs is a Sample that says so.
Sample take_sample(const Row& row, const ModuleUnderTest& module, const std::string& control);
CertificateSizes take_sizes(const ModuleUnderTest& module, const std::string& control);

}  // namespace jpki::bench
