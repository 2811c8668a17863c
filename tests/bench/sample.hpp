// One row once, in its own process.
#pragma once

#include "rows.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace jpki::bench {

struct Sample {  // for each unit of the row, e.g. for each signature
    double commands = 0, bytes = 0, signatures = 0, milliseconds = 0;
    std::vector<std::string> notes;
    std::string cannot;  // the reason for a failure; the other members are then empty
};

struct ModuleUnderTest {
    std::string name, path;
};

// The module is loaded in a child process, so that no state of the row before stays, in memory or in pcscd; the card's
// state is reset too. A child that crashes or hangs gives a Sample with the reason.
Sample take_sample(const Row& row, const ModuleUnderTest& module, const std::string& control);
CertificateSizes take_sizes(const ModuleUnderTest& module, const std::string& control);

}  // namespace jpki::bench
