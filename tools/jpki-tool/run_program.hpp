// Other programs, run to an end.
#pragma once

#include "signals.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace jpki::tool {

struct ProgramResult {
    int status = 0;      // its exit status; 128 and the signal's number when a signal ended it
    bool ended = false;  // false: it took too long, or a signal came, and was killed
    std::string output;  // standard output, and standard error where that was asked for
};

struct ProgramOptions {
    std::chrono::milliseconds patience{10'000};  // without a byte of output
    bool with_errors = false;                    // standard error too
    const Signals* signals = nullptr;            // a signal kills the program; the caller checks for it
};

// Runs a program found on PATH or in sbin, with nothing on standard input. No value when it cannot be run.
std::optional<ProgramResult> run_program(const std::vector<std::string>& command, const ProgramOptions& options = {});

// Whether run_program would find it.
bool is_installed(const std::string& program);

// Standard output of run_program, whatever the exit status.
std::optional<std::string> output_of(const std::vector<std::string>& command);

}  // namespace jpki::tool
