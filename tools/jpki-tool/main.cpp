// jpki-tool: shows the state of the card, diagnoses problems, changes PINs, uses the certificates.
#include "command.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <string_view>

namespace {

using namespace jpki;
using namespace jpki::tool;

int end_with(Output& output, const std::string& command, Exit exit, const std::string& text, int tries_left = -1) {
    try {
        output.note("jpki-tool: " + text);
        Json error{{"text", text}};
        if (tries_left >= 0) error["tries_left"] = tries_left;
        output.failure(command, exit, error);
    } catch (const Failure&) {
        // Standard output cannot be written, which was reported on standard error.
    }
    return static_cast<int>(exit);
}

int run(Context& context) {
    try {
        return static_cast<int>(context.run());
    } catch (const Failure& failure) {
        return end_with(context.output, context.command, failure.exit, failure.what(), failure.tries_left);
    } catch (const std::exception& error) {
        return end_with(context.output, context.command, Exit::failure, error.what());
    }
}

// The word in the place of a command; NULL if there is none, or if it is a command.
const char* unknown_command(const CLI::App& app, int argc, char** argv) {
    char** const found = std::find_if(argv + 1, argv + argc, [](const char* word) { return word[0] != '-'; });
    if (found == argv + argc) return nullptr;
    const auto commands = app.get_subcommands([&](const CLI::App* command) { return command->get_name() == *found; });
    return commands.empty() ? *found : nullptr;
}

}  // namespace

int main(int argc, char** argv) {
    init_messages();
    const Signals signals;
    // Determined before the command line is parsed: a usage error is a document too.
    bool json = std::any_of(argv + 1, argv + argc, [](std::string_view word) { return word == "--json"; });
    Output output(json);
    Log log;
    Context context(output, signals, log);
    CLI::App app(_("Show the state of a My Number Card, diagnose problems, change its PINs and use its certificates."),
                 "jpki-tool");
    std::string log_file;
    try {
        build_command_line(app, context, json, log_file);
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        return app.exit(asked, std::cout, std::cerr);
    } catch (const CLI::RequiredError& error) {
        // For an unknown command CLI11 only reports that one is required.
        const char* word = unknown_command(app, argc, argv);
        return end_with(output, context.command, Exit::usage,
                        word == nullptr ? fill(_("{0} (\"jpki-tool --help\" lists commands and options)"), {error.what()})
                                        : fill(_("There is no command \"{0}\" (\"jpki-tool --help\" lists commands and options)"),
                                               {printable(word)}));
    } catch (const CLI::ParseError& error) {
        return end_with(output, context.command, Exit::usage,
                        fill(_("{0} (\"jpki-tool --help\" lists commands and options)"), {error.what()}));
    }
    if (!log_file.empty() && !log.open(log_file, LogLevel::debug))
        return end_with(output, context.command, Exit::file_error, fill(_("cannot open the log file {0}"), {log_file}));
    try {
        return run(context);
    } catch (const Interrupted& interrupted) {
        output.progress({});
        end_by(interrupted.signal);
    }
}
