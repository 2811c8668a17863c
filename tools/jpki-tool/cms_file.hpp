// Verifying CMS signatures in files.
#pragma once

#include "cms_judge.hpp"
#include "input_file.hpp"
#include "output_file.hpp"

namespace jpki::tool {

struct CmsVerdict {
    std::vector<SignerJudgement> signers;
    // All signers, and at least one.
    bool good() const noexcept;
};

// Both throw Failure(file_error), Failure(signature_invalid) for anything but a CMS SignedData of the right kind, and
// Interrupted.
CmsVerdict verify_detached(const std::string& file, const std::string& signature, const Trust& trust, const Signals& signals,
                           Output& output);
// `content`: the output for the signed content, not committed; may be NULL.
CmsVerdict verify_attached(const std::string& signature, OutputFile* content, const Trust& trust, const Signals& signals,
                           Output& output);

// All certificates of a file, PEM or DER. Throws Failure(file_error) if there is none, or one cannot be read.
std::vector<CertificateView> read_ca_file(const std::string& path, const Signals& signals, Output& output);

// That revocation was not checked, and why.
std::string revocation_note();

}  // namespace jpki::tool
