// A card's report as text and as JSON.
#include "card_report.hpp"

#include "i18n.hpp"
#include "text.hpp"

namespace jpki::tool {

namespace {

using State = CertificateReport::State;

std::string state_text(const CertificateReport& certificate, KeyUse use) {
    switch (certificate.state) {
    case State::present: return _("present");
    case State::wants_pin:
        return use == KeyUse::signature ? _("readable with the password only (status --signature)")
                                        : _("readable with the PIN only (a phone)");
    case State::absent: return _("not on this card");
    default: return fill(_("cannot be read. {0}"), {certificate.problem});
    }
}

std::string remaining(const CertificateView& view, TimePoint at) {
    if (at < view.not_before()) return _("not valid yet");
    const long days = days_left(view.not_after(), at);
    if (days < 0) return fill_count("expired {0} day ago", "expired {0} days ago", -days);
    return days == 0 ? std::string(_("expires today")) : fill_count("{0} day left", "{0} days left", days);
}

std::string validity(const CertificateView& view, TimePoint at) {
    return fill(_("{0} to {1} ({2})"),
                {shown(japan_date(view.not_before())), shown(japan_date(view.not_after())), remaining(view, at)});
}

std::string renewal_text(const CertificateView& view, TimePoint at) {
    const Renewal renewal = renewal_of(view, at);
    if (view.not_after() < at) return _("no longer possible; a new certificate is issued instead");
    return fill(renewal.open ? _("possible since {0}") : _("possible from {0}"), {shown(renewal.opens)});
}

std::string generation_text(const KnownCa& ca) {
    return fill(_("J-LIS, generation {0} ({1} to {2})"), {std::to_string(ca.generation), ca.from, ca.to});
}

std::string judgement_text(const CaJudgement& judgement) {
    switch (judgement.verdict) {
    case CaVerdict::known: return generation_text(*judgement.known);
    case CaVerdict::contradicts: return _("has the key identifier of a J-LIS CA, but is not its certificate");
    default: return _("not a CA of J-LIS that this program knows");
    }
}

std::string tries_text(const KeyReport& key) {
    if (!key.tries) return _("none on this card");
    if (*key.tries == 0) return _("BLOCKED");
    return fill_count("{0} try left", "{0} tries left", *key.tries) + " " + fill(_("(of {0})"), {std::to_string(key.tries_max)});
}

void add_key(std::string& text, const CardReport& card, KeyUse use, TimePoint at) {
    const KeyReport& key = card.key(use);
    Table table(2);
    table.row(
        {use == KeyUse::authentication ? _("PIN (4 digits)") : _("Password (6 to 16 letters and digits)"), tries_text(key)});
    table.row({_("Certificate"), state_text(key.certificate, use)});
    if (key.certificate.view) {
        table.row({_("Validity"), validity(*key.certificate.view, at)});
        table.row({_("Renewal"), renewal_text(*key.certificate.view, at)});
        table.row({_("Issued by"), judgement_text(*key.issuer)});
    }
    if (key.ca.view) {
        table.row({_("CA certificate"), judgement_text(judge_ca(use, *key.ca.view))});
        table.row({"", validity(*key.ca.view, at)});
    } else {
        table.row({_("CA certificate"), state_text(key.ca, KeyUse::authentication)});
    }
    text += key_title(use) + "\n" + table.text();
}

Json to_json(const CertificateReport& certificate, TimePoint at) {
    static constexpr const char* names[] = {"present", "wants-pin", "absent", "unreadable"};
    Json json{{"state", names[static_cast<int>(certificate.state)]}};
    if (!certificate.view) return json;
    const CertificateView& view = *certificate.view;
    json["not_before"] = iso(view.not_before());
    json["not_after"] = iso(view.not_after());
    json["days_left"] = days_left(view.not_after(), at);
    json["valid"] = view.valid_at(at);
    json["key"] = view.key_description();
    return json;
}

Json to_json(const CaJudgement& judgement) {
    static constexpr const char* names[] = {"known", "not-known", "contradicts"};
    Json json{{"verdict", names[static_cast<int>(judgement.verdict)]}};
    json["generation"] = judgement.known == nullptr ? Json() : Json(judgement.known->generation);
    return json;
}

}  // namespace

Json to_json(const CardReport& card, TimePoint at) {
    Json json{{"label", card.information ? Json(card.information->label) : Json()},
              {"model", card.information ? Json(card.information->model) : Json()},
              {"phone", card.phone}};
    for (const KeyUse use : all_key_uses) {
        const KeyReport& key = card.key(use);
        Json& out = json["keys"][name_of(use)];
        out["tries_left"] = key.tries ? Json(*key.tries) : Json();
        out["tries_max"] = key.tries_max;
        out["certificate"] = to_json(key.certificate, at);
        if (key.certificate.view) {
            const Renewal renewal = renewal_of(*key.certificate.view, at);
            out["certificate"]["renewal"] = {{"opens", iso(renewal.opens)}, {"open", renewal.open}};
            out["certificate"]["issuer"] = to_json(*key.issuer);
            out["certificate"]["issuer"]["issued_by_card_ca"] = key.issuer->issued_by_card_ca;
        }
        out["ca"] = to_json(key.ca, at);
        if (key.ca.view) {
            out["ca"]["key_id"] = hex(key.ca.view->subject_key_id());
            out["ca"]["sha256"] = key.ca.view->sha256();
            out["ca"]["issuer"] = to_json(judge_ca(use, *key.ca.view));
        }
    }
    json["next_steps"] = Json::array();
    for (const NextStep& step : next_steps(card, at)) json["next_steps"].push_back({{"code", step.code}, {"text", step.text}});
    return json;
}

std::string to_text(const CardReport& card, TimePoint at) {
    std::string text = card.phone ? _("My Number Card application of a phone") : _("My Number Card");
    if (card.information) text += " (" + card.information->label + ", " + card.information->model + ")";
    text += "\n";
    for (const KeyUse use : all_key_uses) add_key(text, card, use, at);
    const auto steps = next_steps(card, at);
    text += std::string(_("What to do next")) + "\n";
    if (steps.empty()) text += std::string("  ") + _("Nothing.") + "\n";
    for (const NextStep& step : steps) text += "  " + step.text + "\n";
    return text;
}

}  // namespace jpki::tool
