// What is parsed of a card's files: the head of a certificate file, EF 0006, a certificate.
#include "apdu/certificate_file.hpp"
#include "apdu/token_information.hpp"
#include "module/crypto.hpp"

#include "input.hpp"

#include <cstdlib>

using namespace jpki;

namespace {

void check(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Crypto crypto;
    const ByteView bytes(data, size);

    std::size_t total = 0;
    if (examine_head(bytes, total) == FileHead::certificate) check(total >= 3 && total <= certificate_size_max && bytes[0] == 0x30);

    if (const auto information = parse_token_information(bytes)) {
        check(information->label.size() <= 32 && information->model.size() <= 16);
        for (const char c : information->label + information->model) check(c >= 0x20 && c < 0x7F);
    }

    if (const auto certificate = crypto.parse(bytes)) {
        check(certificate->der.size() == size && certificate->modulus.size() == 256);
        check(certificate->start_date.empty() || certificate->start_date.size() == 8);
        check(!crypto.verify_pkcs1(*certificate, bytes.first(std::min<std::size_t>(size, 200)), Bytes(256, 1)));
        check(!crypto.verify_pss_sha256(*certificate, Bytes(32, 1), Bytes(256, 1)));
    }
    return 0;
}
