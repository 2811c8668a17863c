// jpki-tool pin: verify and change the PIN for user authentication and the password for digital signature.
#include "command.hpp"
#include "i18n.hpp"
#include "login.hpp"
#include "text.hpp"

#include "apdu/facts.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <memory>

namespace jpki::tool {

namespace {

std::string new_pin_rules(KeyUse use) {
    return use == KeyUse::authentication ? _("The new PIN has 4 digits.")
                                         : _("The new password has 6 to 16 characters, letters (A to Z) and digits (0 to 9) "
                                             "mixed; lower case is changed to "
                                             "upper case.");
}

// The tries left at the end; if the card was removed meanwhile, the result of the command does not change.
Json tries_now(OpenCard& card, KeyUse use, std::string& text) {
    try {
        const TriesAnswer tries = card->tries(use, std::chrono::milliseconds(0));
        if (!tries) return {};
        text += " " + fill_count("{0} try is left.", "{0} tries are left.", *tries);
        return *tries;
    } catch (const std::exception&) {
        return {};
    }
}

Exit done(Context& context, KeyUse use, OpenCard& card, std::string text) {
    const Json tries = tries_now(card, use, text);
    context.output.text(text + "\n");
    context.output.document(context.command, Exit::ok,
                            Json{{"pin", name_of(use)}, {"reader", printable(card.reader())}, {"tries_left", tries}});
    return Exit::ok;
}

// A verified PIN stays verified until the security status is reset; a failed reset is an error.
void reset_security_status(OpenCard& card) {
    on_card([&] {
        if (card->may_be_open()) card->reset_security_status();
    });
}

Exit verify_pin(Context& context, KeyUse use) {
    const auto card = find_card(context.log, context.reader);
    const auto source = make_pin_source(context.pin, context.output, context.signals);
    log_in(context, *card, use, *source,
           _("To check the PIN. A wrong one costs one try; the right one sets the tries back to the maximum."));
    reset_security_status(*card);
    return done(context, use, *card, use == KeyUse::authentication ? _("The PIN is right.") : _("The password is right."));
}

void enter_new_pin(Context& context, PinSource& source, KeyUse use, const PinRequest& about, const Secret& old_pin,
                   Secret& new_pin) {
    PinRequest request = about;
    request.detail = new_pin_rules(use);
    if (!source.by_a_person()) context.output.note(request.detail);
    request.prompt = use == KeyUse::authentication ? _("New PIN") : _("New password");
    enter_pin(source, use, request, true, new_pin);
    if (source.by_a_person()) {
        request.prompt = use == KeyUse::authentication ? _("New PIN again") : _("New password again");
        Secret again;
        enter_pin(source, use, request, true, again);
        if (!std::ranges::equal(new_pin.view(), again.view()))
            throw Failure(Exit::pin_not_sent, _("The two entries differ. Nothing was sent to the card."));
    }
    if (std::ranges::equal(new_pin.view(), old_pin.view()))
        throw Failure(Exit::pin_not_sent, _("The new one is the same as the old one. Nothing was sent to the card."));
}

Exit change_pin(Context& context, KeyUse use) {
    const auto card = find_card(context.log, context.reader);
    const int tries = tries_before_asking(context, *card, use);
    const auto source = make_pin_source(context.pin, context.output, context.signals);
    PinRequest request;
    request.title = fill(_("To change the {0}\nCard in {1}"), {pin_name(use), printable(card->reader())});
    request.detail = std::string(_("The current one is asked first; a wrong one costs one try.")) + " " +
                     fill_count("{0} try is left.", "{0} tries are left.", tries) + " " + new_pin_rules(use);
    request.prompt = use == KeyUse::authentication ? _("Current PIN") : _("Current password");
    if (!source->by_a_person()) context.output.note(request.title + "\n" + request.detail);
    Secret old_pin, new_pin;
    enter_pin(*source, use, request, false, old_pin);
    enter_new_pin(context, *source, use, request, old_pin, new_pin);
    context.signals.check();
    TypedPin typed(old_pin, new_pin);
    const Card::ChangeAnswer answer = on_card([&] { return (*card)->change_pin(use, typed, last_try(context)); });
    if (answer.kind != PinAnswer::Kind::not_entered) judge_answer(use, answer);
    if (!answer.changed) {
        reset_security_status(*card);
        throw Failure(Exit::failure, _("The card did not accept the new one; the old one is still valid."));
    }
    reset_security_status(*card);
    return done(context, use, *card, use == KeyUse::authentication ? _("The PIN was changed.") : _("The password was changed."));
}

}  // namespace

void add_pin(CLI::App& app, Context& context) {
    static const std::map<std::string, KeyUse> uses = {{"auth", KeyUse::authentication}, {"sign", KeyUse::signature}};
    CLI::App* pin = add_command(app, context, "pin", _("Verify or change a PIN"), {});
    pin->require_subcommand(1);
    const auto add = [&](const char* name, const std::string& description, Exit (*run)(Context&, KeyUse)) {
        const auto use = std::make_shared<std::string>();
        CLI::App* command = add_command(*pin, context, std::string("pin ") + name, description,
                                        [&context, use, run] { return run(context, uses.at(*use)); });
        command->add_option("WHICH", *use, _("auth: the PIN for user authentication; sign: the password for digital signature"))
            ->required()
            ->check(CLI::IsMember({"auth", "sign"}));
        add_pin_options(*command, context);
    };
    add("verify", _("Check a PIN; a wrong one costs one try"), verify_pin);
    add("change", _("Change a PIN: the current one, then the new one twice"), change_pin);
}

}  // namespace jpki::tool
