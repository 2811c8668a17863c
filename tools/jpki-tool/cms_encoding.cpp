#include "cms_encoding.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace jpki::tool {

namespace {

constexpr std::size_t piece = 64 * 1024;
constexpr std::size_t text_before_pem = 64 * 1024;
constexpr std::array<std::string_view, 4> labels = {"CMS", "PKCS7", "PKCS #7 SIGNED DATA", "SIGNED MESSAGE"};

std::unique_ptr<EVP_ENCODE_CTX, void (*)(EVP_ENCODE_CTX*)> new_context() {
    std::unique_ptr<EVP_ENCODE_CTX, void (*)(EVP_ENCODE_CTX*)> context(EVP_ENCODE_CTX_new(), EVP_ENCODE_CTX_free);
    if (!context) throw std::bad_alloc();
    return context;
}

}  // namespace

CmsDecoder::CmsDecoder(ByteSource& source) : source_(source), in_(piece), out_(piece), context_(new_context()) {
    if (!fill()) throw MalformedCms("the file is empty");
    if (in_[0] == 0x30) return;
    pem_ = true;
    find_begin();
    EVP_DecodeInit(context_.get());
}

bool CmsDecoder::fill() {
    in_at_ = 0;
    in_end_ = source_.read(in_);
    return in_end_ != 0;
}

void CmsDecoder::find_begin() {
    std::string line;
    for (std::size_t seen = 0; seen < text_before_pem; ++seen) {
        if (in_at_ == in_end_ && !fill()) break;
        const char c = static_cast<char>(in_[in_at_++]);
        if (c != '\n') {
            line += c;
            continue;
        }
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (std::ranges::any_of(labels,
                                [&](std::string_view label) { return line == "-----BEGIN " + std::string(label) + "-----"; }))
            return;
        line.clear();
    }
    throw MalformedCms("neither DER nor PEM with a label of CMS");
}

void CmsDecoder::decode() {
    if (in_at_ == in_end_ && !fill()) throw MalformedCms("the PEM has no END line");
    const auto* const begin = in_.data() + in_at_;
    const auto* const dash = std::find(begin, std::as_const(in_).data() + in_end_, std::uint8_t{'-'});
    const auto size = static_cast<std::size_t>(dash - begin);
    int decoded = 0;
    if (size != 0 && EVP_DecodeUpdate(context_.get(), out_.data(), &decoded, begin, static_cast<int>(size)) < 0)
        throw MalformedCms("the PEM is not base64");
    out_at_ = 0;
    out_end_ = static_cast<std::size_t>(decoded);
    in_at_ += size;
    if (in_at_ == in_end_) return;
    end_ = true;  // text after the END line is ignored
    int last = 0;
    if (EVP_DecodeFinal(context_.get(), out_.data() + out_end_, &last) != 1) throw MalformedCms("the PEM is not base64");
    out_end_ += static_cast<std::size_t>(last);
    while (fill()) {
    }
}

std::size_t CmsDecoder::read(std::span<std::uint8_t> into) {
    if (!pem_) {
        if (in_at_ == in_end_ && !fill()) return 0;
        const std::size_t size = std::min(into.size(), in_end_ - in_at_);
        std::copy_n(in_.data() + in_at_, size, into.data());
        in_at_ += size;
        return size;
    }
    while (out_at_ == out_end_ && !end_) decode();
    const std::size_t size = std::min(into.size(), out_end_ - out_at_);
    std::copy_n(out_.data() + out_at_, size, into.data());
    out_at_ += size;
    return size;
}

PemEncoder::PemEncoder(std::string label) : label_(std::move(label)), context_(new_context()) { EVP_EncodeInit(context_.get()); }

std::string PemEncoder::add(ByteView bytes) {
    std::string text;
    std::array<unsigned char, piece> out;
    while (!bytes.empty()) {
        const std::size_t size = std::min(bytes.size(), piece / 2);
        int written = 0;
        if (EVP_EncodeUpdate(context_.get(), out.data(), &written, bytes.data(), static_cast<int>(size)) != 1)
            throw std::runtime_error("base64 failed");
        text.append(reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(written));
        bytes = bytes.subspan(size);
    }
    return text;
}

std::string PemEncoder::end() {
    std::array<unsigned char, 128> out;
    int written = 0;
    EVP_EncodeFinal(context_.get(), out.data(), &written);
    return std::string(reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(written)) + "-----END " + label_ +
           "-----\n";
}

}  // namespace jpki::tool
