#include "cards.hpp"

#include "card_kinds.hpp"
#include "test_pki.hpp"

#include <array>

namespace jpki::fuzz {

using model::CardModel;
using model::TestPki;

namespace {

std::shared_ptr<const TestPki> pki_of(model::Certificates certificates, unsigned holder) {
    if (certificates == model::Certificates::valid) return TestPki::shared(holder);
    const auto make = [](bool p384, unsigned seed) {
        TestPki::Options options;
        options.seed = seed;
        options.p384 = p384;
        if (!p384) options.not_after_days = -10;
        return TestPki::make(options);
    };
    if (certificates == model::Certificates::p384) {
        static const std::array p384 = {make(true, 1), make(true, 2)};
        return p384[holder];
    }
    static const std::array expired = {make(false, 1), make(false, 2)};
    return expired[holder];
}

}  // namespace

std::shared_ptr<CardModel> card_of(std::uint8_t kind_number, std::uint8_t extra, unsigned holder) {
    const auto kinds = model::card_kinds();
    const model::CardKind& kind = kinds[kind_number % kinds.size()];
    model::Knobs knobs;
    kind.adjust(knobs);
    if (holder == 1) knobs.pins = {"5678", "DEF456"};
    if (extra & 1) knobs.short_forms = false;
    if (extra & 2) knobs.pss = false;
    if (extra & 4) knobs.sfi_read_sets_current_file = false;
    if (extra & 8) knobs.has_existence_file = false;
    if (extra & 16) knobs.tries = {2, 1};
    if (extra & 32) knobs.model = "E00X00XX";
    if (extra & 64) knobs.missing_file = model::Knobs::Missing::filler;
    if (extra & 128) knobs.atr = {0x3B, 0x80, 0x01, 0x81};  // T=0 also
    return std::make_shared<CardModel>(pki_of(kind.certificates, holder), knobs);
}

}  // namespace jpki::fuzz
