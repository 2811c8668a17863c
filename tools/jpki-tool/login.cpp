#include "login.hpp"

#include "card_report.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include "apdu/facts.hpp"

namespace jpki::tool {

namespace {

std::string rules(KeyUse use) {
    return use == KeyUse::authentication ? _("The PIN for user authentication has 4 digits.")
                                         : _("The password for digital signature has 6 to 16 characters, A to Z and 0 to 9; "
                                             "lower case is changed to upper case.");
}

[[noreturn]] void blocked(KeyUse use) { throw Failure(Exit::pin_blocked, about_blocked(use), 0); }

[[noreturn]] void absent(KeyUse use) { throw Failure(Exit::not_on_card, fill(_("The card has no {0}."), {pin_name(use)})); }

[[noreturn]] void withheld(KeyUse use) {
    throw Failure(Exit::last_try_withheld,
                  fill(_("Only one try is left for the {0}; nothing was sent. If you are sure of it, add --last-try. A wrong one "
                         "blocks it, and a reset usually means a visit to a municipal office."),
                       {pin_name(use)}),
                  1);
}

}  // namespace

int tries_before_asking(Context& context, OpenCard& card, KeyUse use) {
    const TriesAnswer tries = on_card([&] { return card->tries(use, std::chrono::milliseconds(0)); });
    if (!tries) absent(use);
    if (*tries == 0) blocked(use);
    if (*tries == 1 && !context.pin.last_try) withheld(use);
    return *tries;
}

void enter_pin(PinSource& source, KeyUse use, const PinRequest& request, bool fresh, Secret& pin) {
    Entered entered;
    source.ask(request, entered);
    PinShape shape = PinShape::wrong_length;
    if (!entered.too_long)
        shape = fresh ? take_new_pin(use, entered.bytes.view(), pin) : take_pin(use, entered.bytes.view(), pin);
    switch (shape) {
    case PinShape::good: return;
    case PinShape::wrong_composition:
        throw Failure(Exit::pin_not_sent, _("A new password needs letters and digits both. Nothing was sent to the card."));
    default: throw Failure(Exit::pin_not_sent, rules(use) + " " + _("Nothing was sent to the card."));
    }
}

void judge_answer(KeyUse use, const PinAnswer& answer) {
    using Kind = PinAnswer::Kind;
    switch (answer.kind) {
    case Kind::accepted: return;
    case Kind::last_try_withheld: withheld(use);
    case Kind::blocked: blocked(use);
    case Kind::absent: absent(use);
    case Kind::rejected:
        throw Failure(Exit::pin_wrong,
                      fill(_("The {0} is wrong. {1}"),
                           {pin_name(use), fill_count("{0} try is left.", "{0} tries are left.", answer.tries_left)}),
                      answer.tries_left);
    default: throw Failure(Exit::pin_not_sent, _("PIN entry cancelled; nothing was sent to the card."));
    }
}

void log_in(Context& context, OpenCard& card, KeyUse use, PinSource& source, const std::string& purpose, Card::Holder hold) {
    const int tries = tries_before_asking(context, card, use);
    PinRequest request;
    request.title = fill(_("{0}\nCard in {1}: {2}"), {purpose, printable(card.reader()), pin_name(use)});
    request.detail = rules(use) + " " + fill_count("{0} try is left.", "{0} tries are left.", tries);
    request.prompt = use == KeyUse::authentication ? _("PIN") : _("Password");
    if (!source.by_a_person()) context.output.note(request.title + "\n" + request.detail);
    Secret pin;
    enter_pin(source, use, request, false, pin);
    context.signals.check();
    TypedPin typed(pin);
    judge_answer(use, on_card([&] { return card->verify(use, typed, last_try(context), std::move(hold)); }));
}

}  // namespace jpki::tool
