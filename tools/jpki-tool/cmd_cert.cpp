// jpki-tool cert: the certificates of the card, in the formats that other programs need.
#include "card_report.hpp"
#include "certificate_text.hpp"
#include "command.hpp"
#include "holder.hpp"
#include "i18n.hpp"
#include "login.hpp"
#include "output_file.hpp"

#include <CLI/CLI.hpp>

#include <map>
#include <memory>

namespace jpki::tool {

namespace {

struct Which {
    KeyUse use;
    bool ca;
};
const std::map<std::string, Which> certificates = {{"auth", {KeyUse::authentication, false}},
                                                   {"sign", {KeyUse::signature, false}},
                                                   {"auth-ca", {KeyUse::authentication, true}},
                                                   {"sign-ca", {KeyUse::signature, true}}};

struct Options {
    std::string which, file;
    bool pem = false, der = false, text = false, ssh = false, fingerprint = false;

    bool personal() const { return which == "sign"; }
};

[[noreturn]] void missing(const Options& options) {
    throw Failure(Exit::not_on_card, fill(_("The card has no certificate \"{0}\"."), {options.which}));
}

CertificateView read_certificate(Context& context, OpenCard& card, const Options& options) {
    const Which which = certificates.at(options.which);
    const auto read = [&] { return which.ca ? card.ca_certificate(which.use) : card.certificate(which.use); };
    context.output.progress(_("Reading the card ..."));
    OpenCard::File file = read();
    context.output.progress({});
    if (file.kind == OpenCard::File::Kind::locked && !which.ca) {
        if (!on_card([&] { return card->has_key(which.use); })) missing(options);
        const auto source = make_pin_source(context.pin, context.output, context.signals);
        log_in(context, card, which.use, *source, fill(_("To read the {0}"), {key_title(which.use)}));
        context.output.progress(_("Reading the card ..."));
        file = read();
        context.output.progress({});
    }
    if (file.kind != OpenCard::File::Kind::read) missing(options);
    auto view = CertificateView::parse(file.der);
    if (!view) throw Failure(Exit::failure, _("The file on the card is not a certificate."));
    return std::move(*view);
}

std::string in_form(const Options& options, const CertificateView& certificate) {
    if (options.der) return {certificate.der().begin(), certificate.der().end()};
    if (options.ssh) return to_ssh(certificate, "my-number-card-" + options.which);
    if (options.fingerprint) return to_fingerprint(certificate) + "\n";
    if (options.pem) return to_pem(certificate);
    return to_text(certificate);
}

std::string verdict_text(CaVerdict verdict) {
    switch (verdict) {
    case CaVerdict::known: return _("The CA is one of J-LIS.");
    case CaVerdict::contradicts:
        return _("The CA certificate has the key identifier of a CA of J-LIS, but is another one. Do not trust it.");
    default: return _("The CA is none of J-LIS that this program knows.");
    }
}

Json to_json(const Options& options, const CertificateView& certificate, const CaJudgement& judgement) {
    static constexpr const char* verdicts[] = {"known", "not-known", "contradicts"};
    Json json{{"certificate", options.which},
              {"pem", to_pem(certificate)},
              {"sha256", certificate.sha256()},
              {"not_before", iso(certificate.not_before())},
              {"not_after", iso(certificate.not_after())},
              {"key", certificate.key_description()},
              {"ca",
               {{"verdict", verdicts[static_cast<int>(judgement.verdict)]},
                {"generation", judgement.known == nullptr ? Json() : Json(judgement.known->generation)}}}};
    if (!options.file.empty()) json["file"] = options.file;
    return json;
}

Exit show(Context& context, const Options& options) {
    const Which which = certificates.at(options.which);
    const auto card = find_card(context.log, context.reader);
    const CertificateView certificate = read_certificate(context, *card, options);
    CaJudgement judgement = judge_ca(which.use, certificate);
    if (!which.ca) {
        const OpenCard::File ca = card->ca_certificate(which.use);
        const auto view = CertificateView::parse(ca.der);
        judgement = judge_issuer(which.use, certificate, view ? &*view : nullptr);
    }
    on_card([&] {
        if ((*card)->may_be_open()) (*card)->reset_security_status();
    });
    context.signals.check();  // one that came while the card was read; the login has ended, and nothing is written
    const std::string bytes = in_form(options, certificate);
    if (!options.file.empty()) {
        // The signature certificate contains name, address and date of birth: mode 0600.
        OutputFile file(options.file, options.personal() ? 0600 : 0644);
        file.write(bytes);
        file.commit();
    } else if (!context.output.json()) {
        context.output.bytes(bytes);
    }
    context.output.note(verdict_text(judgement.verdict));
    context.output.document(context.command, Exit::ok, to_json(options, certificate, judgement));
    return Exit::ok;
}

}  // namespace

void add_cert(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = add_command(app, context, "cert", _("Show or save a certificate of the card"),
                                    [&context, options] { return show(context, *options); });
    command
        ->add_option("WHICH", options->which,
                     _("auth: for user authentication; sign: for digital signature (asks for the password); auth-ca, sign-ca: "
                       "the CA of each"))
        ->required()
        ->check(CLI::IsMember({"auth", "sign", "auth-ca", "sign-ca"}));
    std::vector<CLI::Option*> forms = {
        command->add_flag("--text", options->text, _("All fields, for reading (the default)")),
        command->add_flag("--pem", options->pem, _("PEM")),
        command->add_flag("--der", options->der, _("DER")),
        command->add_flag("--ssh", options->ssh, _("The public key as a line for authorized_keys")),
        command->add_flag("--fingerprint", options->fingerprint, _("SHA-256 of the certificate")),
    };
    for (CLI::Option* form : forms)
        for (CLI::Option* other : forms)
            if (form != other) form->excludes(other);
    command->add_option("--output", options->file,
                        _("Write to this file, readable by its owner only if it is the certificate for digital signature"));
    add_pin_options(*command, context);
}

}  // namespace jpki::tool
