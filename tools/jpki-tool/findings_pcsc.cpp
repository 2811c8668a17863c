// Findings from the facts about pcscd, readers and cards.
#include "doctor.hpp"

#include "i18n.hpp"
#include "text.hpp"

#include "apdu/facts.hpp"

#include <algorithm>

namespace jpki::tool {

namespace {

std::string version_text(const Version& version) { return std::to_string(version.first) + "." + std::to_string(version.second); }

// pcscd 2.4 runs as its own user; the udev rules that give it access to readers come with libccid 1.7 (PCSC issue 239).
bool driver_too_old(const PcscFacts& pcsc) {
    return pcsc.pcscd && pcsc.ccid && *pcsc.pcscd >= Version{2, 4} && *pcsc.ccid < Version{1, 7};
}

std::string names_of(const std::vector<Holder>& holders) {
    std::string list;
    for (const Holder& holder : holders)
        list +=
            (list.empty() ? "" : ", ") + fill(_("{0} (process {1})"), {printable(holder.program), std::to_string(holder.pid)});
    return list.empty() ? std::string(_("a program of another user")) : list;
}

void judge_usb(const Facts& facts, std::vector<Diagnosis>& findings) {
    for (const UsbReader& reader : facts.usb) {
        if (reader.name != nullptr) {
            findings.push_back(
                {"usb-without-ccid", Verdict::fault,
                 fill(_("{0} is connected, but has no CCID interface: pcscd has no driver for it."), {reader.name}),
                 _("Use a reader with CCID, such as Sony RC-S300 or another one that supports My Number Cards.")});
        } else if (facts.pcsc.answers && facts.readers.empty()) {
            const bool old = driver_too_old(facts.pcsc);
            findings.push_back(
                {old ? "ccid-too-old" : "usb-not-seen", Verdict::fault,
                 old ? fill(_("A USB reader is connected, but pcscd {0} may not open it (LIBUSB_ERROR_ACCESS): libccid {1} is "
                              "older than 1.7."),
                            {version_text(*facts.pcsc.pcscd), version_text(*facts.pcsc.ccid)})
                     : std::string(_("A USB reader is connected, but pcscd does not show it.")),
                 old ? _("Upgrade libccid to 1.7 or later and connect the reader again.")
                     : _("Install libccid, connect the reader again, and look at the log of pcscd (journalctl -u pcscd).")});
        }
    }
}

void judge_held(const ReaderFacts& reader, std::vector<Diagnosis>& findings) {
    const std::string name = printable(reader.view.name);
    const bool scdaemon = std::ranges::any_of(reader.holders, [](const Holder& holder) { return holder.program == "scdaemon"; });
    findings.push_back({"card-exclusive", Verdict::fault,
                        fill(_("{0}: held exclusively; connected to pcscd: {1}"), {name, names_of(reader.holders)}),
                        scdaemon ? _("End it with \"gpgconf --kill scdaemon\"; \"pcsc-shared\" in scdaemon.conf lets it share.")
                                 : _("Close that program.")});
}

}  // namespace

void judge_pcsc(const Facts& facts, std::vector<Diagnosis>& findings) {
    const PcscFacts& pcsc = facts.pcsc;
    using Socket = PcscFacts::Socket;
    if (pcsc.answers) {
        findings.push_back({"pcscd", Verdict::ok,
                            fill(_("pcscd answers (version {0})"), {pcsc.pcscd ? version_text(*pcsc.pcscd) : _("unknown")}), ""});
    } else if (pcsc.socket == Socket::answered) {
        findings.push_back({"pcscd-version", Verdict::fault,
                            fill(_("pcscd uses another protocol version ({0}) than the library of this program."),
                                 {version_text(pcsc.protocol)}),
                            _("Use pcscd and libpcsclite of the same release, and restart pcscd.")});
    } else if (pcsc.socket == Socket::closed) {
        findings.push_back({"pcscd-refused", Verdict::fault,
                            pcsc.over_ssh ? _("pcscd refuses this user: polkit allows only local sessions, not ssh.")
                                          : _("pcscd refuses this user (polkit)."),
                            _("Work at the machine itself, or install a polkit rule: examples/pcscd.rules in the documentation "
                              "of jpki-pkcs11.")});
    } else if (!pcsc.pcscd_installed) {
        findings.push_back(
            {"pcscd-missing", Verdict::fault, _("pcscd is not installed."), _("Install it: apt install pcscd libccid")});
    } else {
        findings.push_back(
            {"pcscd-stopped", Verdict::fault, _("pcscd does not run."), _("Start it: systemctl enable --now pcscd.socket")});
    }
    if (driver_too_old(pcsc) && !facts.readers.empty())
        findings.push_back({"ccid-old", Verdict::warning, _("pcscd 2.4 or later needs libccid 1.7 or later to open USB readers."),
                            _("Upgrade libccid to 1.7 or later.")});
}

void judge_readers(const Facts& facts, std::vector<Diagnosis>& findings) {
    judge_usb(facts, findings);
    if (!facts.pcsc.answers) return;
    if (facts.readers.empty()) {
        findings.push_back({"no-reader", Verdict::fault, _("No card reader is connected."),
                            _("Connect a card reader that supports My Number Cards.")});
        return;
    }
    bool ours = false, empty = true;
    for (const ReaderFacts& reader : facts.readers) {
        using Card = ReaderFacts::Card;
        const std::string name = printable(reader.view.name);
        const auto add = [&](const char* code, Verdict verdict, const std::string& text, const std::string& remedy) {
            findings.push_back({code, verdict, name + ": " + text, remedy});
        };
        if (reader.card != Card::none) empty = false;
        switch (reader.card) {
        case Card::none: break;
        case Card::mute:
            add("card-mute", Verdict::fault, _("the card does not answer."),
                _("Take it out and place it again; on a flat reader, in its middle."));
            break;
        case Card::exclusive: judge_held(reader, findings); break;
        case Card::busy:
            add("card-busy", Verdict::warning, fill(_("in use; connected to pcscd: {0}"), {names_of(reader.holders)}),
                _("Try again in a moment."));
            break;
        case Card::denied:
            add("card-refused", Verdict::fault, _("pcscd denies this user access to the card (polkit)."),
                _("Work at the machine itself, or install a polkit rule: examples/pcscd.rules in the documentation of "
                  "jpki-pkcs11."));
            break;
        case Card::foreign:
            add("card-foreign", Verdict::warning, _("this card is not a My Number Card."),
                _("Place a My Number Card on the reader."));
            break;
        case Card::fault:
            add("card-fault", Verdict::fault, printable(reader.problem), _("Take the card out and place it again."));
            break;
        case Card::ours:
            ours = true;
            add("card", Verdict::ok, _("a My Number Card."), "");
            judge_card(reader, facts.at, findings);
            break;
        }
    }
    if (!ours && empty)
        findings.push_back({"no-card", Verdict::warning, _("No card in any reader."), _("Place the card on the reader.")});
}

void judge_card(const ReaderFacts& reader, TimePoint at, std::vector<Diagnosis>& findings) {
    if (!reader.report) return;
    for (const KeyUse use : all_key_uses) {
        const KeyReport& key = reader.report->key(use);
        const std::string title = key_title(use);
        const bool asked = key.certificate.view.has_value();
        if (key.certificate.state == CertificateReport::State::absent)
            findings.push_back({std::string("certificate-missing-") + name_of(use),
                                use == KeyUse::authentication ? Verdict::fault : Verdict::note,
                                fill(_("{0}: not on this card."), {title}), _("A municipal office issues it on application.")});
        if (key.certificate.state == CertificateReport::State::unreadable)
            findings.push_back({std::string("certificate-unreadable-") + name_of(use), Verdict::fault,
                                fill(_("{0}: cannot be read."), {title}), _("Take the card out and place it again.")});
        if (asked && key.certificate.view->valid_at(at) && !renewal_of(*key.certificate.view, at).open)
            findings.push_back({std::string("certificate-") + name_of(use), Verdict::ok, fill(_("{0}: valid."), {title}), ""});
    }
    for (const NextStep& step : next_steps(*reader.report, at))
        findings.push_back(
            {step.code, step.code == "renew" || step.code == "last-try" ? Verdict::warning : Verdict::fault, step.text, ""});
    if (reader.pss)
        findings.push_back(
            {"pss", *reader.pss ? Verdict::ok : Verdict::note,
             *reader.pss
                 ? _("The card signs with RSASSA-PSS: TLS 1.3 works.")
                 : _("The card is not known to sign with RSASSA-PSS: TLS 1.3 with this card does not work, TLS 1.2 does."),
             ""});
}

}  // namespace jpki::tool
