// jpki-tool sign: a CMS signature of a file, made with the card.
#include "cms_encoding.hpp"
#include "cms_sign.hpp"
#include "i18n.hpp"
#include "input_file.hpp"
#include "output_file.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <unistd.h>

namespace jpki::tool {

namespace {

struct Options {
    std::string file, output;
    bool auth = false, pem = false, attached = false, force = false, yes = false;

    KeyUse use() const { return auth ? KeyUse::authentication : KeyUse::signature; }
    std::string output_name() const { return output.empty() ? file + (attached ? ".p7m" : ".p7s") : output; }
};

// The signature's file: DER as it is, or PEM.
class SignatureFile {
public:
    explicit SignatureFile(const Options& options)
        : file_(options.output_name(), options.auth ? 0644 : 0600), pem_(options.pem), encoder_("CMS") {}

    void write(ByteView bytes) {
        if (pem_ && !begun_) file_.write(encoder_.begin());
        begun_ = true;
        file_.write(pem_ ? encoder_.add(bytes) : std::string(bytes.begin(), bytes.end()));
    }
    void commit() {
        if (pem_) file_.write(encoder_.end());
        file_.commit();
    }

private:
    OutputFile file_;
    bool pem_, begun_ = false;
    PemEncoder encoder_;
};

void check_names(const Options& options, const InputFile& file) {
    if (file.is_standard_input() && options.output.empty())
        throw Failure(Exit::usage, _("Standard input has no name: give the signature one with --output."));
    if (file.is_standard_input() && options.attached)
        throw Failure(Exit::usage, _("--attached reads the file twice, which standard input cannot be."));
    const std::string name = options.output_name();
    if (file.is_same_file(name))
        throw Failure(Exit::usage, fill(_("{0} is the file to be signed; the signature needs another name."), {printable(name)}));
    if (!options.force && ::access(name.c_str(), F_OK) == 0)
        throw Failure(Exit::file_error, fill(_("{0} exists already; --force replaces it."), {printable(name)}));
}

template <class F> void each_piece(InputFile& file, F&& f) {
    Bytes buffer(1 << 16);
    while (const std::size_t size = file.read(buffer)) f(ByteView(buffer).first(size));
}

// What is known before the PIN entry; the certificate for digital signature itself is readable only after it.
void say_what_is_signed(Context& context, const Options& options, const std::string& sha256) {
    context.output.note(fill(_("File:    {0}\nSHA-256: {1}"), {printable(options.file), sha256}));
    context.output.note(options.auth ? _("The signature will contain your certificate for user authentication. It has no name or "
                                         "address in it, but a number "
                                         "that identifies this certificate.")
                                     : _("The signature will contain your certificate for digital signature. Everybody who "
                                         "receives it can read your name, "
                                         "address, date of birth and sex there."));
}

void ask_for_consent(Context& context, const Options& options) {
    if (options.yes) return;
    if (::isatty(STDIN_FILENO) != 1)
        throw Failure(Exit::declined, _("There is no terminal to ask on; --yes agrees in advance. Nothing was signed."));
    context.output.note(_("Sign this file? (yes/no)"));
    std::string answer;
    for (char byte = 0;;) {
        wait_readable(STDIN_FILENO, context.signals);
        if (::read(STDIN_FILENO, &byte, 1) != 1 || byte == '\n') break;
        answer += byte;
    }
    if (answer != "yes" && answer != "y" && answer != "はい") throw Failure(Exit::declined, _("Nothing was signed."));
}

// The head of an attached signature contains the size of everything behind it, which is known only now: hence a second reading.
// The digest of the written content proves that the file is still the one that was signed.
void write_attached(SignatureFile& out, InputFile& file, const CardSignature& signature, const ContentDigests& signed_digests) {
    const CmsFrame frame = signature.frame(file.size());
    ContentDigests written;
    written.want(NID_sha256);
    out.write(frame.before);
    file.rewind();
    each_piece(file, [&](ByteView piece) {
        written.take(piece);
        out.write(piece);
    });
    out.write(frame.after);
    if (written.digest(NID_sha256) != signed_digests.digest(NID_sha256))
        throw Failure(Exit::file_error, fill(_("{0} was changed while it was read."), {printable(file.path())}));
    check_own_signature(signature, written);
}

Exit sign(Context& context, const Options& options) {
    const KeyUse use = options.use();
    InputFile file(options.file, context.signals, context.output);
    check_names(options, file);
    SignatureFile out(options);
    const auto card = find_card(context.log, context.reader);
    check_card_can_sign(context, *card, use);
    ContentDigests digests;
    digests.want(NID_sha256);
    each_piece(file, [&](ByteView piece) { digests.take(piece); });
    const Bytes digest = digests.digest(NID_sha256);
    say_what_is_signed(context, options, hex(digest));
    ask_for_consent(context, options);
    const CardSignature signature = sign_with_card(context, *card, use, digest, _("To sign a file"));
    if (options.attached) {
        write_attached(out, file, signature, digests);
    } else {
        check_own_signature(signature, digests);
        const CmsFrame frame = signature.frame(std::nullopt);
        out.write(frame.before);
        out.write(frame.after);
    }
    context.signals.check();
    out.commit();
    context.output.text(fill(_("Signed: {0}"), {printable(options.output_name())}) + "\n");
    context.output.document(context.command, Exit::ok,
                            Json{{"file", options.file},
                                 {"signature", options.output_name()},
                                 {"form", options.pem ? "pem" : "der"},
                                 {"attached", options.attached},
                                 {"certificate", name_of(use)},
                                 {"ca_included", !signature.ca.empty()},
                                 {"sha256", hex(digest)},
                                 {"signing_time", iso(signature.time)}});
    return Exit::ok;
}

}  // namespace

void add_sign(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = add_command(app, context, "sign", _("Sign a file (CMS, CAdES-B-B)"),
                                    [&context, options] { return sign(context, *options); });
    command->add_option("FILE", options->file, _("The file to sign; - is standard input"))->required();
    command->add_flag("--auth", options->auth,
                      _("Sign with the key for user authentication: the signature has no name and address in it"));
    command->add_flag("--pem", options->pem, _("Write PEM instead of DER"));
    command->add_flag("--attached", options->attached, _("Put the file into the signature"));
    command->add_option("--output", options->output,
                        _("Write the signature to this file; otherwise to FILE.p7s, with --attached FILE.p7m"));
    command->add_flag("--force", options->force, _("Replace an existing file"));
    command->add_flag("--yes", options->yes, _("Sign without asking for consent"));
    add_pin_options(*command, context);
}

}  // namespace jpki::tool
