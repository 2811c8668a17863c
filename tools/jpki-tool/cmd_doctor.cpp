// jpki-tool doctor: a line for each check, with verdict and remedy, the most severe last.
#include "command.hpp"
#include "doctor.hpp"
#include "i18n.hpp"
#include "output_file.hpp"
#include "text.hpp"

#include "apdu/errors.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <unistd.h>

namespace jpki::tool {

namespace {

struct Options {
    std::string report, module = JPKI_MODULE_PATH;
};

// The log of this run, for the report; it is not stored on disk.
class LogFile {
public:
    LogFile() {
        const int descriptor = ::mkstemp(name_.data());
        if (descriptor >= 0) ::close(descriptor);
    }
    ~LogFile() { ::unlink(name_.c_str()); }
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;
    const std::string& name() const noexcept { return name_; }

    // Lines without time and process, and only those of commands: a message may contain a reader's name.
    std::string commands() const {
        std::ifstream stream(name_);
        std::string line, text;
        while (std::getline(stream, line)) {
            const std::size_t at = line.find("debug: ");
            if (at != std::string::npos && line.find(" -> ") != std::string::npos) text += "  " + line.substr(at + 7) + "\n";
        }
        return text;
    }

private:
    std::string name_ = "/tmp/jpki-tool.XXXXXX";
};

ReaderFacts look_at_card(Context& context, const ReaderView& view) {
    using Card = ReaderFacts::Card;
    ReaderFacts facts;
    facts.view = view;
    if (view.mute) facts.card = Card::mute;
    if (view.exclusive) facts.card = Card::exclusive;
    if (view.exclusive || view.in_use) facts.holders = connected_to(pcscd_socket());
    if (facts.card != Card::none || !view.card) return facts;
    try {
        OpenCard card(context.log, view.name);
        facts.card = Card::ours;
        facts.report = report_card(card, context.signals, context.output, false);
        if (facts.report->key(KeyUse::authentication).certificate.state == CertificateReport::State::present)
            facts.pss = on_card([&] { return card->has_pss(KeyUse::authentication); });
    } catch (const Failure& failure) {
        facts.problem = failure.what();
        switch (failure.exit) {
        case Exit::not_our_card: facts.card = Card::foreign; break;
        case Exit::no_card: facts.card = refuses_cards(view.name) ? Card::denied : Card::none; break;
        case Exit::card_busy: facts.card = Card::busy; break;
        default: facts.card = Card::fault; break;
        }
        if (facts.card == Card::busy) facts.holders = connected_to(pcscd_socket());
    }
    return facts;
}

Facts gather(Context& context, const Options& options) {
    Facts facts;
    const Places places = places_of_this_user();
    facts.at = now();
    context.output.progress(_("Looking at pcscd and readers ..."));
    facts.pcsc = look_at_pcsc(places);
    facts.usb = look_at_usb(places);
    if (facts.pcsc.answers) {
        PcscContext pcsc;
        std::size_t number = 0;
        for (const ReaderView& view : look_at_readers(pcsc)) {
            context.signals.check();
            if (names_reader(context.reader, view.name, ++number)) facts.readers.push_back(look_at_card(context, view));
        }
    }
    context.signals.check();
    context.output.progress(_("Looking at the module and the programs ..."));
    facts.module = look_at_module(options.module);
    facts.browsers = look_at_browsers(places);
    std::error_code error;
    facts.engine = *JPKI_ENGINES_DIR && std::filesystem::exists(JPKI_ENGINES_DIR "/pkcs11.so", error);  // none in OpenSSL 4
    facts.provider = *JPKI_PROVIDERS_DIR && std::filesystem::exists(JPKI_PROVIDERS_DIR "/pkcs11.so", error);
    context.output.progress({});
    return facts;
}

std::string verdict_text(Verdict verdict) {
    switch (verdict) {
    case Verdict::ok: return _("OK");
    case Verdict::note: return _("NOTE");
    case Verdict::warning: return _("WARNING");
    default: return _("FAULT");
    }
}

void show(Context& context, const std::vector<Diagnosis>& findings, Exit exit) {
    std::size_t width = 0;
    for (const Verdict verdict : {Verdict::ok, Verdict::note, Verdict::warning, Verdict::fault})
        width = std::max(width, display_width(verdict_text(verdict)));
    std::string text;
    Json json = Json::array();
    for (const Diagnosis& finding : findings) {
        text += padded(verdict_text(finding.verdict), width + 2) + finding.text + "\n";
        if (!finding.remedy.empty()) text += std::string(width + 2, ' ') + "-> " + finding.remedy + "\n";
        json.push_back(
            {{"code", finding.code}, {"verdict", name_of(finding.verdict)}, {"text", finding.text}, {"remedy", finding.remedy}});
    }
    context.output.text(text);
    context.output.document(context.command, exit, Json{{"findings", json}});
}

Exit examine(Context& context, const Options& options) {
    std::optional<LogFile> log;
    if (!options.report.empty() && !context.log.enabled(LogLevel::debug)) {
        log.emplace();
        context.log.open(log->name(), LogLevel::debug);
    }
    const Facts facts = gather(context, options);
    const std::vector<Diagnosis> findings = judge(facts);
    if (!options.report.empty()) {
        OutputFile file(options.report, 0644);
        file.write(anonymous_report(facts, findings, log ? log->commands() : std::string()));
        file.commit();
    }
    const Verdict worst = findings.empty() ? Verdict::ok : findings.back().verdict;
    const Exit exit = worst == Verdict::fault     ? Exit::findings_fault
                      : worst == Verdict::warning ? Exit::findings_warning
                                                  : Exit::ok;
    show(context, findings, exit);
    return exit;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = add_command(app, context, "doctor", _("Find out why the card does not work somewhere, and what to do"),
                                    [&context, options] { return examine(context, *options); });
    command->add_option("--report", options->report, _("Write a report for developers to this file, without anything personal"));
    command->add_option("--module", options->module, _("The module to examine"))->capture_default_str();
}

}  // namespace jpki::tool
