// The measurements, as a Markdown table for the README and as JSON.
#pragma once

#include "sample.hpp"

#include <nlohmann/json.hpp>

#include <ostream>
#include <vector>

namespace jpki::bench {

struct Figures {  // one module in one row, over all rounds: the maximum of commands and bytes, the median time
    double commands = 0, bytes = 0, signatures = 0, milliseconds = 0;
    std::vector<std::string> notes;
    std::string cannot;
};

Figures summary(const std::vector<Sample>& rounds);

struct Measured {
    const Row* row;
    std::vector<Figures> modules;  // in the order of the command line
};

struct Report {
    std::vector<ModuleUnderTest> modules;  // the limits apply to the first one
    CertificateSizes sizes;
    std::vector<Measured> rows;

    void markdown(std::ostream& out) const;
    nlohmann::ordered_json json() const;
    // "ROW: 5 commands, at most 4"; empty when the first module meets every limit.
    std::vector<std::string> over_the_limit() const;
};

}  // namespace jpki::bench
