// Findings from the facts about the module and the programs that use it; the order of findings; the report for developers.
#include "doctor.hpp"

#include "i18n.hpp"
#include "text.hpp"

#include <algorithm>

namespace jpki::tool {

namespace {

constexpr Version own_version{JPKI_VERSION_MAJOR, JPKI_VERSION_MINOR};

std::string version_text(const Version& version) { return std::to_string(version.first) + "." + std::to_string(version.second); }

void judge_module(const ModuleFacts& module, std::vector<Diagnosis>& findings) {
    const auto add = [&](const char* code, Verdict verdict, const std::string& text, const std::string& remedy) {
        findings.push_back({code, verdict, text, remedy});
    };
    if (!module.exists) {
        add("module-missing", Verdict::fault, fill(_("The module {0} is not there."), {printable(module.path)}),
            _("Install jpki-pkcs11."));
        return;
    }
    if (!module.loads) {
        add("module-not-loadable", Verdict::fault, fill(_("The module cannot be used: {0}"), {printable(module.problem)}),
            _("Install jpki-pkcs11 again."));
    } else if (module.version != own_version) {
        add("module-version", Verdict::warning,
            fill(_("The module has version {0}, this program {1}."), {version_text(module.version), version_text(own_version)}),
            _("Install both from the same release."));
    } else {
        add("module", Verdict::ok, fill(_("The module works (version {0})."), {version_text(module.version)}), "");
    }
    if (!module.p11_kit_there) {
        add("p11-kit-command", Verdict::note,
            _("The command p11-kit is not installed: not checked whether programs find the module."),
            _("Install it: apt install p11-kit"));
    } else if (!module.p11_kit_knows) {
        add("p11-kit", Verdict::fault, _("p11-kit does not find the module, and neither do the programs that use p11-kit."),
            _("Install jpki-pkcs11 where p11-kit looks (\"pkg-config --variable=p11_module_configs p11-kit-1\"), or remove an "
              "entry that disables it."));
    } else {
        add("p11-kit", Verdict::ok, _("p11-kit finds the module."), "");
    }
    if (module.tokens_of_opensc > 0 && module.p11_kit_knows)
        add("opensc-double", Verdict::warning, _("OpenSC shows the same card too: programs list its tokens twice."),
            _("To disable OpenSC for this card, list the drivers of your other cards in card_drivers of /etc/opensc/opensc.conf, "
              "without jpki. To disable it for all cards in programs that use p11-kit, write \"enable-in: opensc\" "
              "into a copy of its .module file in /etc/pkcs11/modules."));
}

void judge_browser(const BrowserFacts& browser, std::vector<Diagnosis>& findings) {
    const std::string name = shown_name(browser.profile.browser) + " (" + printable(browser.profile.directory.string()) + ")";
    const bool firefox = browser.profile.browser == Browser::firefox;
    if (browser.profile.packaging != Packaging::native) {
        const Sandbox sandbox = about_sandbox(browser.profile);
        findings.push_back(
            {std::string("browser-") + name_of(browser.profile.packaging), Verdict::note, sandbox.text, sandbox.remedy});
    } else if (browser.state == NssModules::State::none) {
        findings.push_back({"browser-not-registered", Verdict::note, fill(_("{0}: the module is not registered."), {name}),
                            firefox ? _("To use the card there: jpki-tool register firefox")
                                    : _("To use the card there: jpki-tool register chromium")});
    } else if (!browser.library_exists) {
        findings.push_back(
            {"browser-module-missing", Verdict::warning,
             fill(_("{0}: the registered module {1} is not there."), {name, printable(browser.library)}),
             firefox ? _("Register it again: jpki-tool register firefox") : _("Register it again: jpki-tool register chromium")});
    } else {
        findings.push_back({"browser", Verdict::ok, fill(_("{0}: the module is registered."), {name}), ""});
    }
}

std::string scrubbed(std::string text, const std::string& home) {
    if (home.size() > 1)
        for (std::size_t at = text.find(home); at != std::string::npos; at = text.find(home, at))
            text.replace(at, home.size(), "~");
    return text;
}

const char* card_name(ReaderFacts::Card card) {
    static constexpr const char* names[] = {"none", "mute", "exclusive", "busy", "denied", "foreign", "fault", "ours"};
    return names[static_cast<int>(card)];
}

}  // namespace

const char* name_of(Verdict verdict) noexcept {
    static constexpr const char* names[] = {"ok", "note", "warning", "fault"};
    return names[static_cast<int>(verdict)];
}

void judge_programs(const Facts& facts, std::vector<Diagnosis>& findings) {
    judge_module(facts.module, findings);
    for (const BrowserFacts& browser : facts.browsers) judge_browser(browser, findings);
    if (facts.engine || facts.provider) {
        findings.push_back(
            {"openssl", Verdict::ok,
             facts.provider ? _("OpenSSL: pkcs11-provider is installed.") : _("OpenSSL: the pkcs11 engine is installed."), ""});
    } else {
        findings.push_back({"openssl", Verdict::note, _("OpenSSL: neither pkcs11-provider nor the pkcs11 engine is installed."),
                            _("To use the card with openssl: apt install pkcs11-provider where there is one, or (OpenSSL 3) "
                              "libengine-pkcs11-openssl.")});
    }
}

std::vector<Diagnosis> judge(const Facts& facts) {
    std::vector<Diagnosis> findings;
    // The date of the first release of this program: a correct clock cannot be earlier.
    if (japan_date(facts.at) < Date(std::chrono::year(2026), std::chrono::month(1), std::chrono::day(1)))
        findings.push_back(
            {"clock", Verdict::fault, fill(_("The clock of this computer is wrong: {0}"), {iso(facts.at)}), _("Set it.")});
    judge_pcsc(facts, findings);
    judge_readers(facts, findings);
    judge_programs(facts, findings);
    std::ranges::stable_sort(findings, {}, &Diagnosis::verdict);
    return findings;
}

std::string anonymous_reader(const std::string& name) {
    std::string result;
    int depth = 0;
    for (const char c : printable(name)) {
        if (c == '(' || c == '[') ++depth;
        if (depth == 0) result += c;
        if ((c == ')' || c == ']') && depth > 0) --depth;
    }
    return result;
}

std::string anonymous_report(const Facts& facts, const std::vector<Diagnosis>& findings, const std::string& log) {
    const auto version = [](const std::optional<Version>& value) {
        return value ? version_text(*value) : std::string("unknown");
    };
    const std::string home = places_of_this_user().home.string();
    std::string text = std::string("jpki-tool ") + JPKI_VERSION + " doctor report\n";
    text += "pcscd " + version(facts.pcsc.pcscd) + ", libccid " + version(facts.pcsc.ccid) + ", protocol " +
            version_text(facts.pcsc.protocol) + (facts.pcsc.answers ? ", answers" : ", does not answer") +
            (facts.pcsc.over_ssh ? ", over ssh" : "") + "\n";
    for (const UsbReader& usb : facts.usb) {
        char ids[16];
        std::snprintf(ids, sizeof ids, "%04x:%04x", usb.vendor, usb.product);
        text += std::string("USB ") + ids + (usb.ccid ? " CCID" : " no CCID") + "\n";
    }
    for (const ReaderFacts& reader : facts.readers) {
        text += "reader " + anonymous_reader(reader.view.name) + ": card " + card_name(reader.card) + ", ATR " +
                hex(reader.view.atr) + "\n";
        if (!reader.report) continue;
        const auto& information = reader.report->information;
        text += "  EF 0006: " + (information ? information->label + ", " + information->model : std::string("absent")) + "\n";
        for (const KeyUse use : all_key_uses) {
            const KeyReport& key = reader.report->key(use);
            static constexpr const char* states[] = {"present", "wants PIN", "absent", "unreadable"};
            text += std::string("  ") + name_of(use) + ": tries " + (key.tries ? std::to_string(*key.tries) : "none") +
                    ", certificate " + states[static_cast<int>(key.certificate.state)] + ", CA " +
                    states[static_cast<int>(key.ca.state)] + "\n";
        }
    }
    text += "module " + scrubbed(facts.module.path, home) + ": " +
            (facts.module.loads ? "version " + version_text(facts.module.version) : "not usable") + "\n";
    text += "findings:\n";
    for (const Diagnosis& finding : findings) text += std::string("  ") + name_of(finding.verdict) + " " + finding.code + "\n";
    text += "commands and status words:\n" + scrubbed(log, home);
    return text;
}

}  // namespace jpki::tool
