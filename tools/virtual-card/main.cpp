// jpki-virtual-card: a virtual My Number Card for pcscd, through vsmartcard's vpcd.
#include "card_kinds.hpp"
#include "knob_text.hpp"
#include "virtual_card.hpp"

#include <CLI/CLI.hpp>

#include <iomanip>
#include <iostream>

namespace {

using namespace jpki;

struct CommandLine {
    virtual_card::Settings settings;
    std::string pin, password, control_of_another;
    std::vector<std::string> command;
    bool list_kinds = false, list_knobs = false, slow = false;
    double bitrate = 106'000, command_ms = 3, signature_ms = 400;
    unsigned fault_delay_ms = 2000, absence_ms = 500;
};

void describe_card(CLI::App& app, CommandLine& line) {
    app.add_option("--kind", line.settings.kind, "Kind of card (see --list-kinds)")->capture_default_str();
    app.add_flag("--list-kinds", line.list_kinds, "List the kinds of card and end");
    app.add_option("--person", line.settings.person, "Number of the holder; each has its own keys and certificates")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--set", line.settings.knobs, "NAME=VALUE: set a property of the card (see --list-knobs); may be repeated")
        ->allow_extra_args(false);
    app.add_flag("--list-knobs", line.list_knobs, "List the names for --set and the faults of the control socket, and end");
    app.add_option("--pin", line.pin, "Authentication PIN [1234]");
    app.add_option("--password", line.password, "Signature password [ABC123]");
    app.add_option("--pki", line.settings.pki_directory, "Directory for keys and certificates; created if missing");
    app.add_option("--state", line.settings.state_file, "File for tries and PINs; overrides --kind, --set, --pin and --password");
}

void describe_surroundings(CLI::App& app, CommandLine& line) {
    app.add_option("--host", line.settings.host, "Host on which vpcd listens")->capture_default_str();
    app.add_option("--port", line.settings.port, "vpcd's TCP port")->capture_default_str();
    app.add_option("--log", line.settings.log_file, "Log file: one line per command, PINs masked; - for standard output");
    app.add_option("--counts", line.settings.counts_file, "File for the counters, as JSON");
    app.add_option("--control", line.settings.control_path, "Unix socket for commands (see --ctl)");
    app.add_flag("--latency", line.slow, "Answer as slowly as a card on an NFC link");
    app.add_option("--latency-bitrate", line.bitrate, "Bits per second on the link")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--latency-command-ms", line.command_ms, "Milliseconds for each command")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--latency-signature-ms", line.signature_ms, "Additional milliseconds for a signature")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--fault-delay-ms", line.fault_delay_ms, "Duration of the fault 'delay'")->capture_default_str();
    app.add_option("--absence-ms", line.absence_ms, "Shortest time between removal and insertion")->capture_default_str();
    auto* control = app.add_option("--ctl", line.control_of_another,
                                   "Send COMMAND to the virtual card with this --control socket, print its answer, and end "
                                   "(0: done, 1: error). COMMAND help lists the commands");
    app.add_option("COMMAND", line.command, "for --ctl")->needs(control);
}

int list(const CommandLine& line) {
    if (line.list_kinds)
        for (const auto& kind : model::card_kinds())
            std::cout << std::left << std::setw(20) << kind.name << kind.description << "\n";
    if (line.list_knobs) {
        for (const auto& knob : model::knob_names()) std::cout << knob << "\n";
        std::cout << "faults:";
        for (const auto& fault : model::fault_names()) std::cout << " " << fault;
        std::cout << "\n";
    }
    return 0;
}

int control(const CommandLine& line) {
    std::string text;
    for (const auto& word : line.command) text += (text.empty() ? "" : " ") + word;
    return virtual_card::run_control_client(line.control_of_another, text);
}

// --pin and --password set one knob that holds both.
void add_pins(CommandLine& line) {
    if (line.pin.empty() && line.password.empty()) return;
    const model::Knobs usual;
    line.settings.knobs.push_back("pins=" + (line.pin.empty() ? usual.pins[0] : line.pin) + "," +
                                  (line.password.empty() ? usual.pins[1] : line.password));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("A virtual My Number Card for pcscd, through vsmartcard's vpcd. Prints 'ready' when the card is in the reader.",
                 "jpki-virtual-card");
    CommandLine line;
    describe_card(app, line);
    describe_surroundings(app, line);
    app.set_config("--config", "", "Read options from this TOML file");
    CLI11_PARSE(app, argc, argv);
    try {
        if (line.list_kinds || line.list_knobs) return list(line);
        if (!line.control_of_another.empty()) return control(line);
        add_pins(line);
        const auto microseconds = [](double ms) { return std::chrono::microseconds(static_cast<long>(ms * 1000)); };
        if (line.slow)
            line.settings.latency = model::Latency{line.bitrate, microseconds(line.command_ms), microseconds(line.signature_ms)};
        line.settings.fault_delay = std::chrono::milliseconds(line.fault_delay_ms);
        line.settings.absence = std::chrono::milliseconds(line.absence_ms);
        virtual_card::VirtualCard(line.settings).run();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "jpki-virtual-card: " << error.what() << "\n";
        return 1;
    }
}
