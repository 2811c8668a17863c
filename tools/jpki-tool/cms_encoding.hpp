// The two encodings of a CMS file: DER (or BER) and PEM (RFC 7468).
#pragma once

#include "input_file.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace jpki::tool {

// The contents of the file are not valid CMS; the text is for a developer, in English.
struct MalformedCms : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// DER from a source of either encoding, distinguished by the first byte. PEM may have text before and after it, and the labels
// that programs use: CMS, PKCS7, "PKCS #7 SIGNED DATA", and "SIGNED MESSAGE" (git).
class CmsDecoder final : public ByteSource {
public:
    explicit CmsDecoder(ByteSource& source);
    // Throws MalformedCms, and what the source throws.
    std::size_t read(std::span<std::uint8_t> into) override;

private:
    bool fill();
    void find_begin();
    void decode();

    ByteSource& source_;
    Bytes in_, out_;
    std::size_t in_at_ = 0, in_end_ = 0, out_at_ = 0, out_end_ = 0;
    bool pem_ = false, end_ = false;
    std::unique_ptr<EVP_ENCODE_CTX, void (*)(EVP_ENCODE_CTX*)> context_;
};

// PEM, piece by piece.
class PemEncoder {
public:
    explicit PemEncoder(std::string label);
    std::string begin() const { return "-----BEGIN " + label_ + "-----\n"; }
    std::string add(ByteView bytes);
    std::string end();

private:
    std::string label_;
    std::unique_ptr<EVP_ENCODE_CTX, void (*)(EVP_ENCODE_CTX*)> context_;
};

}  // namespace jpki::tool
