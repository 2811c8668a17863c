// A tool that uses apdu/ alone: lists the retry counters of every card and prints its authentication certificate.
// Links apdu/, OpenSSL and PCSC-lite, and nothing else of this project.
#include "apdu/card.hpp"
#include "apdu/pcsc_context.hpp"
#include "apdu/pcsc_link.hpp"

#include <cstdio>

using namespace jpki;

int main() try {
    Log log;
    PcscContext context;
    if (!context.open()) return 1;
    const auto readers = context.readers();
    if (!readers) return 1;
    for (const std::string& reader : *readers) {
        const auto status = context.status({reader});
        if (!status || !status->front().card_present) continue;
        Card card(std::make_unique<PcscLink>(log, reader, std::chrono::seconds(1)), log);
        if (!card.recognise()) continue;
        std::printf("%s\n", reader.c_str());
        for (const KeyUse use : all_key_uses)
            if (const TriesAnswer left = card.tries(use, std::chrono::seconds(0)))
                std::printf("%s: %d tries left\n", name_of(use), *left);
        const auto certificate = card.certificate(KeyUse::authentication).certificate;
        if (!certificate) continue;
        std::printf("valid from %s to %s, RSA %zu bits\nserial number ", certificate->start_date.c_str(),
                    certificate->end_date.c_str(), certificate->key.bits);
        for (const std::uint8_t byte : certificate->serial_number) std::printf("%02X", byte);
        std::printf("\n");
        std::FILE* file = std::fopen("certificate.der", "wb");
        if (!file || std::fwrite(certificate->der.data(), 1, certificate->der.size(), file) != certificate->der.size() ||
            std::fclose(file) != 0)
            return 1;
    }
} catch (const std::exception& fault) {
    std::fprintf(stderr, "%s\n", fault.what());
    return 1;
}
