// jpki-tool git: what git calls as gpg.x509.program (gpg.format x509), through the wrapper jpki-tool-git. Git reads the status
// lines of GnuPG (doc/DETAILS there) on the descriptor that it names.
#include "cms_encoding.hpp"
#include "cms_file.hpp"
#include "cms_sign.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <unistd.h>

namespace jpki::tool {

namespace {

struct Options {
    int status = -1;
    std::string key, signature, file = "-", ca;
};

void status(const Options& options, const std::string& line) {
    const std::string text = "[GNUPG:] " + line + "\n";
    if (options.status >= 0 && ::write(options.status, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        throw Failure(Exit::file_error, _("Cannot write to the descriptor given by --status-fd."));
}

std::string pem(const CmsFrame& frame) {
    PemEncoder encoder("SIGNED MESSAGE");  // the label that git looks for
    std::string text = encoder.begin();
    text += encoder.add(frame.before);
    text += encoder.add(frame.after);
    return text + encoder.end();
}

// user.signingKey "sign" selects the key for digital signature. Everything else, such as git's default of name and address,
// selects the key for user authentication: commits are public, and its certificate does not identify its holder.
Exit sign(Context& context, const Options& options) {
    const KeyUse use = options.key == "sign" ? KeyUse::signature : KeyUse::authentication;
    InputFile file("-", context.signals, context.output);
    const auto card = find_card(context.log, context.reader);
    check_card_can_sign(context, *card, use);
    ContentDigests digests;
    digests.want(NID_sha256);
    Bytes buffer(1 << 16);
    while (const std::size_t size = file.read(buffer)) digests.take(ByteView(buffer).first(size));
    const CardSignature signature =
        sign_with_card(context, *card, use, digests.digest(NID_sha256),
                       use == KeyUse::signature ? _("To sign a commit. Your name, address, date of birth and sex will be in it.")
                                                : _("To sign a commit"));
    check_own_signature(signature, digests);
    context.output.bytes(pem(signature.frame(std::nullopt)));
    const auto view = CertificateView::parse(signature.certificate->der);
    status(options, "SIG_CREATED D 1 8 00 " + std::to_string(signature.time.time_since_epoch().count()) + " " +
                        (view ? view->sha256() : ""));
    return Exit::ok;
}

Exit verify(Context& context, const Options& options) {
    Trust trust{options.ca.empty() ? std::vector<CertificateView>{} : read_ca_file(options.ca, context.signals, context.output),
                known_cas()};
    const CmsVerdict verdict = verify_detached(options.file, options.signature, trust, context.signals, context.output);
    const bool good = verdict.good();
    status(options, "NEWSIG");
    for (const SignerJudgement& signer : verdict.signers) {
        const std::string fingerprint = signer.certificate ? signer.certificate->sha256() : "0";
        // An untrusted signer must be bad for git too: GOODSIG alone would be enough for it.
        status(options, (good ? "GOODSIG " : "BADSIG ") + fingerprint + " " +
                            (signer.certificate ? subject_of(*signer.certificate) : "?"));
        if (good && signer.signing_time)
            status(options, "VALIDSIG " + fingerprint + " " + iso(*signer.signing_time).substr(0, 10) + " " +
                                std::to_string(signer.signing_time->time_since_epoch().count()));
        for (const Finding& finding : signer.findings)
            if (!finding.good) context.output.note("jpki-tool: " + shown_name(finding.aspect) + ": " + finding.text);
    }
    if (good) status(options, "TRUST_FULLY 0 shell");
    context.output.note("jpki-tool: " + revocation_note());
    return good ? Exit::ok : Exit::signature_invalid;
}

}  // namespace

void add_git(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = add_command(app, context, "git", _("Sign and verify for git (gpg.x509.program)"), [&context, options] {
        return options->signature.empty() ? sign(context, *options) : verify(context, *options);
    });
    for (const char* flag : {"-b,--detach-sign", "-s,--sign", "-a,--armor"})
        command->add_flag(flag)->description(_("As git gives it"));
    command->add_option("-u,--local-user", options->key,
                        _("sign: the key for digital signature; anything else: the key for user authentication"));
    command->add_option("--verify", options->signature, _("Verify this signature"));
    command->add_option("FILE", options->file, _("What was signed; - is standard input"))->capture_default_str();
    command->add_option("--status-fd", options->status, _("Write the status lines of GnuPG to this descriptor"));
    command->add_option("--ca", options->ca,
                        _("Trust the CA certificates in this file (PEM or DER), and no other; otherwise those of J-LIS"));
    add_pin_options(*command, context);
}

}  // namespace jpki::tool
