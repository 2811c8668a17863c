// jpki-tool survey: measures a real card, with its owner's consent.
#include "command.hpp"
#include "doctor.hpp"
#include "i18n.hpp"
#include "login.hpp"
#include "output_file.hpp"
#include "survey.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <unistd.h>

namespace jpki::tool {

namespace {

struct Options {
    bool with_pin = false, yes = false;
    std::string file;
};

void ask_for_consent(Context& context, const Options& options) {
    context.output.note(
        _("This sends about 150 commands to the card to measure how it answers. None of them costs a try, none signs, and none "
          "changes anything on the card. The report has no name, no number of the card or of a certificate, and no date."));
    if (options.with_pin)
        context.output.note(_("With --with-pin it asks for both PINs and verifies each once. A wrong one costs a try."));
    if (options.yes) return;
    if (::isatty(STDIN_FILENO) != 1)
        throw Failure(Exit::declined,
                      _("There is no terminal to ask on; --yes agrees in advance. Nothing was sent to the card."));
    context.output.note(_("Continue? (yes/no)"));
    std::string answer;
    for (char byte = 0;;) {
        wait_readable(STDIN_FILENO, context.signals);
        if (::read(STDIN_FILENO, &byte, 1) != 1 || byte == '\n') break;
        answer += byte;
    }
    if (answer != "yes" && answer != "y" && answer != "はい") throw Failure(Exit::declined, _("Nothing was sent to the card."));
}

std::vector<SurveyLine> measure_logins(Context& context, OpenCard& card, SurveyCard& raw) {
    std::vector<SurveyLine> lines;
    const auto source = make_pin_source(context.pin, context.output, context.signals);
    bool one_verified = false;
    for (const KeyUse use : all_key_uses) {
        if (!on_card([&] { return card->tries(use, std::chrono::milliseconds(0)); })) continue;
        log_in(context, card, use, *source, _("For the survey"));
        const auto measured = survey_login(raw, use, one_verified);
        lines.insert(lines.end(), measured.begin(), measured.end());
        one_verified = true;
    }
    on_card([&] { card->reset_security_status(); });
    raw.select_application();
    raw.select_ef(static_cast<std::uint16_t>(Ef::signature_certificate));
    lines.push_back({"locked", "EF 0001 after the issuer security domain was selected", answer_text(raw.read(0, 1)),
                     "6982: every login is ended"});
    return lines;
}

std::string report_text(const std::string& reader, const std::vector<SurveyLine>& lines) {
    std::string text = std::string("jpki-tool ") + JPKI_VERSION + " survey\nreader: " + anonymous_reader(reader) + "\n";
    Table table;
    table.row({"", "measured", "the module assumes"});
    for (const SurveyLine& line : lines) table.row({line.what, line.measured, line.assumed});
    return text + table.text();
}

Exit run_survey(Context& context, const Options& options) {
    ask_for_consent(context, options);
    const auto card = find_card(context.log, context.reader);
    SurveyCard raw(card->reader());
    context.output.progress(_("Measuring the card ..."));
    auto lines = survey(raw, context.signals);
    if (options.with_pin) {
        const auto more = measure_logins(context, *card, raw);
        lines.insert(lines.end(), more.begin(), more.end());
    }
    context.output.progress({});
    const std::string text = report_text(card->reader(), lines);
    if (options.file.empty()) {
        context.output.text(text);
    } else {
        OutputFile file(options.file, 0644);
        file.write(text);
        file.commit();
    }
    Json json = Json::array();
    for (const SurveyLine& line : lines)
        json.push_back({{"code", line.code}, {"what", line.what}, {"measured", line.measured}, {"assumed", line.assumed}});
    context.output.document(context.command, Exit::ok, Json{{"reader", anonymous_reader(card->reader())}, {"lines", json}});
    return Exit::ok;
}

}  // namespace

void add_survey(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    CLI::App* command =
        add_command(app, context, "survey", _("Measure what is not known of real cards, for the developers; asks first"),
                    [&context, options] { return run_survey(context, *options); });
    command->add_flag("--with-pin", options->with_pin, _("Also what needs a login: asks for both PINs"));
    command->add_flag("--yes", options->yes, _("Agree in advance"));
    command->add_option("--output", options->file, _("Write the report to this file"));
    add_pin_options(*command, context);
}

}  // namespace jpki::tool
