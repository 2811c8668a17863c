#include "card_report.hpp"

#include "i18n.hpp"

#include "apdu/errors.hpp"
#include "apdu/facts.hpp"

#include <functional>

namespace jpki::tool {

namespace {

using State = CertificateReport::State;

// A fault in one file is reported with that file; only a removed or busy card ends the report.
CertificateReport read_certificate(const std::function<OpenCard::File()>& read) {
    CertificateReport report;
    try {
        const OpenCard::File file = read();
        if (file.kind == OpenCard::File::Kind::locked) report.state = State::wants_pin;
        if (file.kind != OpenCard::File::Kind::read) return report;
        report.view = CertificateView::parse(file.der);
        report.state = report.view ? State::present : State::unreadable;
    } catch (const Failure& failure) {
        if (failure.exit != Exit::failure) throw;
        report.state = State::unreadable;
        report.problem = failure.what();
    }
    return report;
}

}  // namespace

CardReport report_card(OpenCard& card, const Signals& signals, Output& output, bool with_signature_certificate) {
    CardReport report;
    report.reader = card.reader();
    output.progress(_("Reading the card ..."));
    report.information = on_card([&] { return card->token_information(); });
    report.phone = report.information && report.information->is_phone();
    for (const KeyUse use : all_key_uses) {
        KeyReport& key = report.keys[index_of(use)];
        signals.check();
        key.tries = on_card([&] { return card->tries(use, std::chrono::milliseconds(500)); });
        key.tries_max = facts_of(use).tries_max;
        const bool there = on_card([&] { return card->has_key(use); });
        signals.check();
        key.ca = read_certificate([&] { return card.ca_certificate(use); });
        signals.check();
        if (!there) continue;
        // Without the password the signature certificate is not read.
        if (use == KeyUse::signature && !with_signature_certificate) {
            key.certificate.state = key.tries ? State::wants_pin : State::absent;
        } else {
            key.certificate = read_certificate([&] { return card.certificate(use); });
        }
        if (key.certificate.view) key.issuer = judge_issuer(use, *key.certificate.view, key.ca.view ? &*key.ca.view : nullptr);
    }
    output.progress({});
    return report;
}

Renewal renewal_of(const CertificateView& certificate, TimePoint at) {
    const Date opens = renewal_opens(japan_date(certificate.not_after()));
    return {opens, opens <= japan_date(at)};
}

std::string key_title(KeyUse use) {
    return use == KeyUse::authentication ? _("Certificate for user authentication") : _("Certificate for digital signature");
}

std::string about_blocked(KeyUse use) {
    return use == KeyUse::authentication
               ? _("The PIN for user authentication is blocked: have it reset at a municipal office. If you know the password "
                   "for digital signature, the kiosks of some convenience stores can reset it too, after a request in the "
                   "smartphone app of J-LIS.")
               : _("The password for digital signature is blocked: have it reset at a municipal office. If you know the PIN for "
                   "user authentication, the kiosks of some convenience stores can reset it too, after a request in the "
                   "smartphone app of J-LIS.");
}

std::vector<NextStep> next_steps(const CardReport& card, TimePoint at) {
    std::vector<NextStep> steps;
    const auto add = [&](const char* code, const std::string& text) { steps.push_back({code, text}); };
    for (const KeyUse use : all_key_uses) {
        const KeyReport& key = card.key(use);
        const std::string title = key_title(use);
        if (key.tries == 0) add("reset-pin", about_blocked(use));
        if (key.tries == 1)
            add("last-try", use == KeyUse::authentication
                                ? _("Only one try is left for the PIN for user authentication: a wrong one blocks it.")
                                : _("Only one try is left for the password for digital signature: a wrong one blocks it."));
        if (!key.certificate.view) continue;
        const CertificateView& view = *key.certificate.view;
        if (view.not_after() < at) {
            add("expired", fill(_("{0}: expired. Apply for a new one at a municipal office."), {title}));
        } else if (at < view.not_before()) {
            add("clock", fill(_("{0}: not valid yet. Check the clock of this computer."), {title}));
        } else if (renewal_of(view, at).open) {
            add("renew", fill(_("{0}: renew it at a municipal office by {1}."), {title, shown(japan_date(view.not_after()))}));
        }
        if (key.issuer && key.issuer->verdict == CaVerdict::contradicts)
            add("contradicting-ca", fill(_("{0}: the CA certificate is not the one of J-LIS. Do not trust this card."), {title}));
    }
    return steps;
}

}  // namespace jpki::tool
