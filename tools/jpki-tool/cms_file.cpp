#include "cms_file.hpp"

#include "i18n.hpp"
#include "text.hpp"

#include "apdu/openssl_errors.hpp"

#include <algorithm>

#include <openssl/pem.h>

namespace jpki::tool {

namespace {

constexpr std::size_t largest_ca_file = 1024 * 1024;

// Hashes the content of an attached signature and writes it; a detached one has no content.
class Content final : public ContentTaker {
public:
    Content(ContentDigests& digests, OutputFile* file) : digests_(digests), file_(file) {}
    void begin(ByteView algorithms) override { digests_.begin(algorithms); }
    void take(ByteView piece) override {
        digests_.take(piece);
        if (file_ != nullptr) file_->write({reinterpret_cast<const char*>(piece.data()), piece.size()});
    }

private:
    ContentDigests& digests_;
    OutputFile* file_;
};

CmsPointer read_structure(const std::string& path, ContentTaker& taker, bool attached, const Signals& signals, Output& output) {
    InputFile file(path, signals, output);
    try {
        CmsDecoder decoder(file);
        const ReadCms read = read_cms(decoder, taker);
        if (read.attached && !attached)
            throw Failure(
                Exit::signature_invalid,
                fill(_("{0} contains the file that it signs; verify it alone: jpki-tool verify {0}"), {printable(path)}));
        if (!read.attached && attached)
            throw Failure(
                Exit::signature_invalid,
                fill(_("{0} does not contain what was signed; give both: jpki-tool verify FILE {0}"), {printable(path)}));
        CmsPointer cms = parse_cms(read.structure);
        if (!cms) throw MalformedCms("OpenSSL cannot read it");
        return cms;
    } catch (const MalformedCms& error) {
        throw Failure(Exit::signature_invalid,
                      fill(_("{0} is not a CMS signature, or is damaged ({1})."), {printable(path), error.what()}));
    }
}

}  // namespace

bool CmsVerdict::good() const noexcept { return !signers.empty() && std::ranges::all_of(signers, &SignerJudgement::good); }

CmsVerdict verify_detached(const std::string& file, const std::string& signature, const Trust& trust, const Signals& signals,
                           Output& output) {
    ContentDigests digests, none;
    Content nowhere(none, nullptr);
    InputFile content(file, signals, output);
    const CmsPointer cms = read_structure(signature, nowhere, false, signals, output);
    want_digests_of_signers(*cms, digests);
    Bytes piece(1 << 16);
    while (const std::size_t size = content.read(piece)) digests.take(ByteView(piece).first(size));
    return {judge_signers(*cms, digests, trust, now())};
}

CmsVerdict verify_attached(const std::string& signature, OutputFile* content, const Trust& trust, const Signals& signals,
                           Output& output) {
    ContentDigests digests;
    Content taker(digests, content);
    const CmsPointer cms = read_structure(signature, taker, true, signals, output);
    return {judge_signers(*cms, digests, trust, now())};
}

std::vector<CertificateView> read_ca_file(const std::string& path, const Signals& signals, Output& output) {
    const OpensslErrors errors;
    InputFile file(path, signals, output);
    Bytes bytes(largest_ca_file);
    std::size_t size = 0;
    while (size < bytes.size()) {
        const std::size_t got = file.read(std::span(bytes).subspan(size));
        if (got == 0) break;
        size += got;
    }
    bytes.resize(size);
    std::vector<CertificateView> views;
    if (auto one = CertificateView::parse(bytes)) {
        views.push_back(std::move(*one));
        return views;
    }
    const std::unique_ptr<BIO, Freer<BIO_free_all>> bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(size)));
    while (bio) {
        const X509Pointer certificate(PEM_read_bio_X509(
            bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
        if (!certificate) break;
        unsigned char* out = nullptr;
        const int length = i2d_X509(certificate.get(), &out);
        auto view = length > 0 ? CertificateView::parse({out, static_cast<std::size_t>(length)}) : std::nullopt;
        OPENSSL_free(out);
        if (view) views.push_back(std::move(*view));
    }
    // The reader returns "no start line" at the end of the file, and another error at a damaged certificate.
    const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (views.empty() || !whole)
        throw Failure(Exit::file_error, fill(_("{0} has no certificate in PEM or DER, or a damaged one."), {printable(path)}));
    return views;
}

std::string revocation_note() {
    return _(
        "Revocation was not checked: J-LIS answers only accredited verifiers, so a private person cannot learn whether the "
        "certificate was revoked.");
}

}  // namespace jpki::tool
