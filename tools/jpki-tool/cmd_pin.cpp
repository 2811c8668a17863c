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

std::string new_pin_rules(Role role) {
    return role == Role::authentication
               ? _("The new PIN has 4 digits.")
               : _("The new password has 6 to 16 characters, letters (A to Z) and digits (0 to 9) mixed; lower case is changed to "
                   "upper case.");
}

// The tries left at the end; the card may be gone by now, and what was done is done.
Json tries_now(OpenCard& card, Role role, std::string& text) {
    try {
        const TriesAnswer tries = card->tries(role, std::chrono::milliseconds(0));
        if (!tries) return {};
        text += " " + fill_count("{0} try is left.", "{0} tries are left.", *tries);
        return *tries;
    } catch (const std::exception&) {
        return {};
    }
}

Exit done(Context& context, Role role, OpenCard& card, std::string text) {
    const Json tries = tries_now(card, role, text);
    context.output.text(text + "\n");
    context.output.document(context.command, Exit::ok, Json{{"pin", name_of(role)}, {"reader", printable(card.reader())}, {"tries_left", tries}});
    return Exit::ok;
}

// The card keeps honouring a PIN until it is locked; a lock that failed is worth an error.
void lock(OpenCard& card) {
    on_card([&] {
        if (card->may_be_open()) card->lock();
    });
}

Exit verify_pin(Context& context, Role role) {
    const auto card = find_card(context.log, context.reader);
    const auto source = make_pin_source(context.pin, context.output, context.signals);
    log_in(context, *card, role, *source, _("To check the PIN. A wrong one costs one try; the right one sets the tries back to the maximum."));
    lock(*card);
    return done(context, role, *card, role == Role::authentication ? _("The PIN is right.") : _("The password is right."));
}

void enter_new_pin(Context& context, PinSource& source, Role role, const PinRequest& about, const Secret& old_pin, Secret& new_pin) {
    PinRequest request = about;
    request.detail = new_pin_rules(role);
    if (!source.by_a_person()) context.output.note(request.detail);
    request.prompt = role == Role::authentication ? _("New PIN") : _("New password");
    enter_pin(source, role, request, true, new_pin);
    if (source.by_a_person()) {
        request.prompt = role == Role::authentication ? _("New PIN again") : _("New password again");
        Secret again;
        enter_pin(source, role, request, true, again);
        if (!std::ranges::equal(new_pin.view(), again.view()))
            throw Failure(Exit::pin_not_sent, _("The two entries differ. Nothing was sent to the card."));
    }
    if (std::ranges::equal(new_pin.view(), old_pin.view()))
        throw Failure(Exit::pin_not_sent, _("The new one is the same as the old one. Nothing was sent to the card."));
}

Exit change_pin(Context& context, Role role) {
    const auto card = find_card(context.log, context.reader);
    const int tries = tries_before_asking(context, *card, role);
    const auto source = make_pin_source(context.pin, context.output, context.signals);
    PinRequest request;
    request.title = fill(_("To change the {0}\nCard in {1}"), {pin_name(role), printable(card->reader())});
    request.detail = std::string(_("The current one is asked first; a wrong one costs one try.")) + " " +
                     fill_count("{0} try is left.", "{0} tries are left.", tries) + " " + new_pin_rules(role);
    request.prompt = role == Role::authentication ? _("Current PIN") : _("Current password");
    if (!source->by_a_person()) context.output.note(request.title + "\n" + request.detail);
    Secret old_pin, new_pin;
    enter_pin(*source, role, request, false, old_pin);
    enter_new_pin(context, *source, role, request, old_pin, new_pin);
    context.signals.check();
    const Card::ChangeAnswer answer = on_card([&] { return (*card)->change_pin(role, old_pin, new_pin, !context.pin.last_try); });
    Card::VerifyAnswer verified{answer, answer.last_try_kept};
    if (answer.kind != PinAnswer::Kind::not_entered) judge_answer(role, verified);
    if (!answer.changed) {
        lock(*card);
        throw Failure(Exit::failure, _("The card did not accept the new one; the old one is still valid."));
    }
    lock(*card);
    return done(context, role, *card, role == Role::authentication ? _("The PIN was changed.") : _("The password was changed."));
}

}  // namespace

void add_pin(CLI::App& app, Context& context) {
    static const std::map<std::string, Role> roles = {{"auth", Role::authentication}, {"sign", Role::signature}};
    CLI::App* pin = add_command(app, context, "pin", _("Verify or change a PIN"), {});
    pin->require_subcommand(1);
    const auto add = [&](const char* name, const std::string& description, Exit (*run)(Context&, Role)) {
        const auto role = std::make_shared<std::string>();
        CLI::App* command = add_command(*pin, context, std::string("pin ") + name, description,
                                        [&context, role, run] { return run(context, roles.at(*role)); });
        command->add_option("WHICH", *role, _("auth: the PIN for user authentication; sign: the password for digital signature"))
            ->required()
            ->check(CLI::IsMember({"auth", "sign"}));
        add_pin_options(*command, context);
    };
    add("verify", _("Check a PIN; a wrong one costs one try"), verify_pin);
    add("change", _("Change a PIN: the current one, then the new one twice"), change_pin);
}

}  // namespace jpki::tool
