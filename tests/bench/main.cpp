// jpki-bench: the cost of PKCS#11 modules with a virtual card in a reader of pcscd. tests/bench/run starts both.
#include "report.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>

namespace {

using namespace jpki::bench;

struct CommandLine {
    std::vector<std::string> modules, rows;
    std::string control, json;
    unsigned rounds = 3;
};

void describe(CLI::App& app, CommandLine& line) {
    app.add_option("--module", line.modules,
                   "NAME=PATH of a PKCS#11 module; the limits are for the first, the others are compared with it")
        ->required()
        ->allow_extra_args(false);
    app.add_option("--control", line.control, "The virtual card's control socket")->required();
    app.add_option("--row", line.rows, "Only this row; may be repeated")->allow_extra_args(false);
    app.add_option("--rounds", line.rounds, "How often each row is performed: the median time counts, and the most commands")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--json", line.json, "File for the figures as JSON");
}

ModuleUnderTest module_of(const std::string& text) {
    const auto at = text.find('=');
    if (at == std::string::npos) throw std::runtime_error("--module wants NAME=PATH, not " + text);
    return {text.substr(0, at), text.substr(at + 1)};
}

std::vector<const Row*> chosen(const std::vector<std::string>& names) {
    std::vector<const Row*> rows;
    for (const auto& row : all_rows())
        if (names.empty() || std::find(names.begin(), names.end(), row.name) != names.end()) rows.push_back(&row);
    if (rows.empty() || (!names.empty() && rows.size() != names.size())) throw std::runtime_error("no such row");
    return rows;
}

// The modules alternate, so that load on the machine affects both.
Measured measure(const Row& row, const std::vector<ModuleUnderTest>& modules, const CommandLine& line) {
    std::cerr << "bench: " << row.name << std::endl;
    std::vector<std::vector<Sample>> samples(modules.size());
    for (unsigned round = 0; round < line.rounds; ++round)
        for (std::size_t i = 0; i < modules.size(); ++i) samples[i].push_back(take_sample(row, modules[i], line.control));
    Measured measured{&row, {}};
    for (const auto& rounds : samples) measured.modules.push_back(summary(rounds));
    return measured;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Counts what PKCS#11 modules send to the virtual card, and how long it takes.", "jpki-bench");
    CommandLine line;
    describe(app, line);
    CLI11_PARSE(app, argc, argv);
    try {
        Report report;
        for (const auto& text : line.modules) report.modules.push_back(module_of(text));
        report.sizes = take_sizes(report.modules[0], line.control);
        for (const auto* row : chosen(line.rows)) report.rows.push_back(measure(*row, report.modules, line));
        std::cout << "Certificates (DER): authentication " << report.sizes.authentication << " bytes, its CA "
                  << report.sizes.authentication_ca << "; signature " << report.sizes.signature << ", its CA "
                  << report.sizes.signature_ca << ". Times: median of " << line.rounds << ".\n\n";
        report.markdown(std::cout);
        if (!line.json.empty()) std::ofstream(line.json) << report.json().dump(2) << "\n";
        std::cout << "\n";
        const auto over = report.over_the_limit();
        for (const auto& text : over) std::cout << "Over the limit: " << text << "\n";
        if (over.empty()) std::cout << report.modules[0].name << " keeps within every limit.\n";
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "jpki-bench: " << error.what() << "\n";
        return 1;
    }
}
