// jpki-tool verify: checks every signer of a CMS signature; writes attached content if all are valid.
#include "cms_file.hpp"
#include "command.hpp"
#include "holder.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>

namespace jpki::tool {

namespace {

struct Options {
    std::string file, signature, output, ca;
    bool personal = false;
};

std::string signer_text(const SignerJudgement& signer, std::size_t number, bool personal) {
    std::string who = "?";
    Table table(2);
    if (signer.certificate) {
        who = subject_of(*signer.certificate);
        for (const HolderField& field : holder_fields(*signer.certificate))
            if (personal || field.kind == HolderField::Kind::name) table.row({shown_name(field.kind), "", shown_value(field)});
    }
    for (const Finding& finding : signer.findings)
        table.row({shown_name(finding.aspect), finding.good ? _("good") : _("BAD"), finding.text});
    return fill(_("Signer {0}: {1}"), {std::to_string(number), who}) + "\n" + table.text();
}

Json to_json(const SignerJudgement& signer, bool personal) {
    Json json{{"valid", signer.good()}};
    json["subject"] = signer.certificate ? Json(subject_of(*signer.certificate)) : Json();
    json["certificate_sha256"] = signer.certificate ? Json(signer.certificate->sha256()) : Json();
    if (signer.certificate && personal)
        for (const HolderField& field : holder_fields(*signer.certificate)) json["holder"].push_back(to_json(field));
    json["signing_time"] = signer.signing_time ? Json(iso(*signer.signing_time)) : Json();
    json["ca_generation"] = signer.known == nullptr ? Json() : Json(signer.known->generation);
    for (const Finding& finding : signer.findings)
        json["findings"].push_back({{"aspect", name_of(finding.aspect)}, {"good", finding.good}, {"text", finding.text}});
    return json;
}

Exit verify(Context& context, const Options& options) {
    const bool attached = options.signature.empty();
    if (!attached && !options.output.empty())
        throw Failure(Exit::usage, _("--output is for a signature that contains the file: give that alone."));
    Trust trust{options.ca.empty() ? std::vector<CertificateView>{} : read_ca_file(options.ca, context.signals, context.output),
                known_cas()};
    std::unique_ptr<OutputFile> output;
    if (!options.output.empty()) output = std::make_unique<OutputFile>(options.output, 0644);
    const CmsVerdict verdict = attached
                                   ? verify_attached(options.file, output.get(), trust, context.signals, context.output)
                                   : verify_detached(options.file, options.signature, trust, context.signals, context.output);
    std::string text;
    Json signers = Json::array();
    for (std::size_t i = 0; i < verdict.signers.size(); ++i) {
        text += signer_text(verdict.signers[i], i + 1, options.personal);
        signers.push_back(to_json(verdict.signers[i], options.personal));
    }
    if (verdict.signers.empty())
        text += fill(_("{0} contains no signature."), {printable(attached ? options.file : options.signature)}) + "\n";
    const bool good = verdict.good();
    if (good && output) output->commit();
    const Exit exit = good ? Exit::ok : Exit::signature_invalid;
    text += std::string(revocation_note()) + "\n" +
            (good ? _("The signature is VALID (revocation not checked).") : _("The signature is NOT VALID.")) + "\n";
    context.output.text(text);
    context.output.document(context.command, exit,
                            Json{{"valid", good}, {"attached", attached}, {"signers", signers}, {"revocation", "not-checked"}});
    return exit;
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = add_command(app, context, "verify", _("Verify a signature of a file (CMS)"),
                                    [&context, options] { return verify(context, *options); });
    command->add_option("FILE", options->file, _("The signed file, or a signature that contains it; - is standard input"))
        ->required();
    command->add_option("SIGNATURE", options->signature, _("The signature, DER or PEM"));
    command->add_option("--ca", options->ca,
                        _("Trust the CA certificates in this file (PEM or DER), and no other; otherwise those of J-LIS"));
    command->add_option("--output", options->output,
                        _("Write the file that the signature contains here, if the signature is valid"));
    command->add_flag("--personal", options->personal, _("Show name, address, date of birth and sex"));
}

}  // namespace jpki::tool
