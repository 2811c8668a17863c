#include "command.hpp"
#include "i18n.hpp"

#include <CLI/CLI.hpp>

namespace jpki::tool {

namespace {

// CLI11's own texts, translated.
void speak(CLI::App& app) {
    auto formatter = std::make_shared<CLI::Formatter>();
    formatter->column_width(28);
    formatter->label("Usage", _("Usage"));
    formatter->label("OPTIONS", _("OPTIONS"));
    formatter->label("SUBCOMMAND", _("COMMAND"));
    formatter->label("SUBCOMMANDS", _("COMMANDS"));
    formatter->label("Subcommands", _("Commands"));
    formatter->label("Positionals", _("Arguments"));
    formatter->label("REQUIRED", _("required"));
    formatter->label("Needs", _("Needs"));
    formatter->label("Excludes", _("Excludes"));
    app.formatter(formatter);
    app.option_defaults()->group(_("Options"));
    app.set_help_flag("-h,--help", _("Show this help and exit"))->group(_("Options"));
}

}  // namespace

CLI::App* add_command(CLI::App& app, Context& context, const std::string& name, const std::string& description,
                      std::function<Exit()> run) {
    const std::size_t space = name.rfind(' ');
    CLI::App* command = app.add_subcommand(space == std::string::npos ? name : name.substr(space + 1), description);
    command->group(_("Commands"));
    command->set_help_flag("-h,--help", _("Show this help and exit"))->group(_("Options"));
    if (run)
        command->callback([&context, name, run = std::move(run)] {
            context.command = name;
            context.run = run;
        });
    return command;
}

void add_pin_options(CLI::App& command, Context& context) {
    auto* descriptor =
        command
            .add_option("--pin-fd", context.pin.descriptor, _("Read the PIN from this file descriptor, one line for each PIN"))
            ->check(CLI::NonNegativeNumber);
    command.add_flag("--pinentry", context.pin.pinentry, _("Ask for the PIN with a pinentry program"))->excludes(descriptor);
    command.add_option("--pinentry-program", context.pin.pinentry_program, _("The pinentry program to run"))
        ->capture_default_str();
    command.add_flag("--last-try", context.pin.last_try, _("Send the PIN even if only one try is left"));
}

void build_command_line(CLI::App& app, Context& context, bool& json, std::string& log_file) {
    speak(app);
    app.set_version_flag("--version", std::string("jpki-tool ") + JPKI_VERSION, _("Show the version and exit"))
        ->group(_("Options"));
    app.add_flag("--json", json, _("Print one JSON document (schema jpki-tool/1) in place of text"));
    app.add_option("--reader", context.reader, _("Use this reader: its number, its name or a part of it"));
    app.add_option("--log", log_file, _("Append a log to this file: command headers and status words, no data"));
    app.fallthrough();  // the options above are accepted after the command too
    app.require_subcommand(1);
    add_status(app, context);
    add_doctor(app, context);
    add_register(app, context);
    add_pin(app, context);
    add_cert(app, context);
    add_sign(app, context);
    add_verify(app, context);
    add_git(app, context);
    add_survey(app, context);
}

}  // namespace jpki::tool
