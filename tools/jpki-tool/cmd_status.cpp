// jpki-tool status: readers, cards, certificates, tries left, and what to do next.
#include "card_report.hpp"
#include "command.hpp"
#include "holder.hpp"
#include "holders.hpp"
#include "i18n.hpp"
#include "login.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <thread>

namespace jpki::tool {

namespace {

struct Options {
    bool watch = false, signature = false, personal = false;
};

// One snapshot of everything.
struct Look {
    std::string text;
    Json json = Json::array();
    Exit exit = Exit::no_reader;
};

std::string holders_text(const std::vector<Holder>& holders) {
    std::string list;
    for (const Holder& holder : holders)
        list +=
            (list.empty() ? "" : ", ") + fill(_("{0} (process {1})"), {printable(holder.program), std::to_string(holder.pid)});
    return list;
}

Json holders_json(const std::vector<Holder>& holders) {
    Json json = Json::array();
    for (const Holder& holder : holders) json.push_back({{"pid", holder.pid}, {"program", holder.program}});
    return json;
}

void add_holder_data(const CardReport& report, std::string& text, Json& json) {
    json["holder"] = Json::array();
    Table table(2);
    for (const HolderField& field : holder_fields(*report.key(KeyUse::signature).certificate.view)) {
        json["holder"].push_back(to_json(field));
        table.row({field.kind == HolderField::Kind::other ? field.oid : shown_name(field.kind), shown_value(field)});
    }
    text += std::string(_("Holder, as the certificate for digital signature says")) + "\n" + table.text();
}

// The card in one reader, with the PIN entry if requested.
void add_card(Context& context, const Options& options, OpenCard& card, Look& look, Json& json) {
    if (options.signature) {
        const auto source = make_pin_source(context.pin, context.output, context.signals);
        log_in(context, card, KeyUse::signature, *source, _("To show the certificate for digital signature"));
    }
    const CardReport report = report_card(card, context.signals, context.output, options.signature);
    const TimePoint at = now();
    std::string text = to_text(report, at);
    json["card"] = to_json(report, at);
    if (options.personal && report.key(KeyUse::signature).certificate.view) add_holder_data(report, text, json["card"]);
    look.text += text;
    look.exit = Exit::ok;
}

void add_reader(Context& context, const Options& options, const ReaderView& reader, Look& look, Json& json) {
    const auto worse = [&](Exit exit) {
        // An empty reader next to one with a card is not reported.
        if (look.exit == Exit::no_reader || look.exit == Exit::no_card) look.exit = exit;
    };
    const auto say = [&](const char* state, Exit exit, const std::string& text) {
        json["state"] = state;
        look.text += "  " + text + "\n";
        worse(exit);
    };
    if (reader.mute) return say("mute", Exit::not_our_card, _("The card does not answer. Take it out and place it again."));
    if (!reader.card) return say("empty", Exit::no_card, _("No card."));
    if (reader.exclusive) {
        const auto holders = connected_to(pcscd_socket());
        json["holders"] = holders_json(holders);
        return say("exclusive", Exit::card_busy,
                   holders.empty() ? _("Another program has opened the reader exclusively.")
                                   : fill(_("Another program has opened the reader exclusively. Connected to pcscd: {0}"),
                                          {holders_text(holders)}));
    }
    if (reader.in_use) {
        const auto holders = connected_to(pcscd_socket());
        json["holders"] = holders_json(holders);
        if (!holders.empty()) look.text += "  " + fill(_("In use by: {0}"), {holders_text(holders)}) + "\n";
    }
    try {
        OpenCard card(context.log, reader.name);
        json["state"] = "card";
        add_card(context, options, card, look, json);
    } catch (const Failure& failure) {
        // A rejected PIN is the result of the whole command.
        switch (failure.exit) {
        case Exit::not_our_card: return say("foreign", failure.exit, _("This card is not a My Number Card."));
        case Exit::no_card: return say("empty", failure.exit, failure.what());
        case Exit::card_busy: return say("busy", failure.exit, failure.what());
        case Exit::failure: return say("fault", failure.exit, failure.what());
        default: throw;
        }
    }
}

Look look_around(Context& context, const Options& options) {
    Look look;
    PcscContext pcsc;
    const auto readers = look_at_readers(pcsc);
    if (readers.empty()) look.text = std::string(_("No card reader is connected.")) + "\n";
    std::size_t number = 0;
    for (const ReaderView& reader : readers) {
        ++number;
        if (!names_reader(context.reader, reader.name, number)) continue;
        Json json{{"number", number},       {"name", printable(reader.name)}, {"state", ""},
                  {"atr", hex(reader.atr)}, {"in_use", reader.in_use},        {"exclusive", reader.exclusive}};
        look.text += fill(_("Reader {0}: {1}"), {std::to_string(number), printable(reader.name)}) + "\n";
        add_reader(context, options, reader, look, json);
        look.json.push_back(std::move(json));
    }
    if (!readers.empty() && look.json.empty())
        throw Failure(Exit::no_reader, fill(_("No reader is called \"{0}\"."), {printable(context.reader)}));
    return look;
}

Exit once(Context& context, const Options& options) {
    const Look look = look_around(context, options);
    context.output.text(look.text);
    context.output.document(context.command, look.exit, Json{{"readers", look.json}});
    return look.exit;
}

// Which card is in which reader, without state that changes when a program connects: our own connection would wake us again.
std::string what_is_there(PcscContext& pcsc, std::vector<std::string>& names, std::vector<DWORD>& raw) {
    raw.clear();
    const auto found = pcsc.readers();
    if (!found) return "no service";
    names = *found;
    const auto states = pcsc.status(names);
    if (!states) return "no service";
    std::string key;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const ReaderStatus& state = (*states)[i];
        raw.push_back(state.raw);
        key += names[i] + "\n" + std::to_string(state.events) + (state.card_present ? "+" : "-") +
               ((state.raw & SCARD_STATE_EXCLUSIVE) != 0 ? "x" : "") + "\n";
    }
    return key;
}

Exit watch(Context& context, const Options& options) {
    PcscContext pcsc;
    std::string before = "nothing yet";
    std::vector<std::string> names;
    std::vector<DWORD> raw;
    for (;;) {
        context.signals.check();
        const std::string there = what_is_there(pcsc, names, raw);
        if (there != before) {
            before = there;
            try {
                const Look look = look_around(context, options);
                context.output.text("-- " + iso(now()) + "\n" + look.text);
                context.output.document_line(context.command, Json{{"time", iso(now())}, {"readers", look.json}});
            } catch (const Failure& failure) {
                if (failure.exit != Exit::no_service && failure.exit != Exit::no_reader) throw;
                context.output.text("-- " + iso(now()) + "\n" + failure.what() + "\n");
                context.output.document_line(context.command, Json{{"time", iso(now())}, {"readers", Json::array()}});
            }
            continue;
        }
        if (pcsc.wait(names, raw, std::chrono::milliseconds(500)) == PcscContext::Wait::lost) {
            pcsc.close();
            std::this_thread::sleep_for(std::chrono::milliseconds(500));
        }
    }
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    CLI::App* command =
        add_command(app, context, "status", _("Show readers, the card, its certificates, the tries left and what to do next"),
                    [&context, options] { return options->watch ? watch(context, *options) : once(context, *options); });
    auto* signature = command->add_flag("--signature", options->signature,
                                        _("Ask for the password and show the certificate for digital signature too"));
    command
        ->add_flag("--personal", options->personal,
                   _("With --signature: show name, address, date of birth and sex from that certificate"))
        ->needs(signature);
    command
        ->add_flag("--watch", options->watch, _("Show it again whenever a reader or card is connected or removed, until Ctrl-C"))
        ->excludes(signature);
    add_pin_options(*command, context);
}

}  // namespace jpki::tool
