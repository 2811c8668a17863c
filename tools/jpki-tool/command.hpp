// The context of every command, and the list of commands.
#pragma once

#include "exit_status.hpp"
#include "output.hpp"
#include "pin_entry.hpp"
#include "signals.hpp"

#include "apdu/log.hpp"

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace jpki::tool {

struct Context {
    Context(Output& to, const Signals& heard, Log& lines) : output(to), signals(heard), log(lines) {}

    Output& output;
    const Signals& signals;
    Log& log;
    std::string reader;  // --reader
    PinOptions pin;
    std::string command;        // "pin change", the name in --json
    std::function<Exit()> run;  // set by the command line
};

// Each adds one command to the command line. If the command was requested, its function is put into `context.run`; parsing
// the command line has no other effect.
void add_status(CLI::App& app, Context& context);
void add_pin(CLI::App& app, Context& context);
void add_cert(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_survey(CLI::App& app, Context& context);
void add_sign(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_register(CLI::App& app, Context& context);
void add_git(CLI::App& app, Context& context);

// A subcommand of `app` that runs `run`. `name` is its name in --json.
CLI::App* add_command(CLI::App& app, Context& context, const std::string& name, const std::string& description,
                      std::function<Exit()> run);
// --pin-fd, --pinentry, --pinentry-program and --last-try.
void add_pin_options(CLI::App& command, Context& context);

// The whole command line, with CLI11's own texts translated.
void build_command_line(CLI::App& app, Context& context, bool& json, std::string& log_file);

}  // namespace jpki::tool
