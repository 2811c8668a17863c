#include "wallet.hpp"

#include "knob_text.hpp"

#include <filesystem>
#include <stdexcept>

namespace jpki::virtual_card {

Wallet::Wallet(std::string pki_directory, const std::string& state_file)
    : pki_directory_(std::move(pki_directory)), store_(state_file) {}

Wallet::Card Wallet::card(const std::string& kind_name, unsigned person, const std::vector<std::string>& knobs) {
    const std::string name = kind_name + "#" + std::to_string(person);
    std::shared_ptr<model::CardModel>& card = cards_[name];
    if (!card) {
        const model::CardKind* kind = model::find_card_kind(kind_name);
        if (kind == nullptr) {
            cards_.erase(name);
            throw std::invalid_argument("unknown kind of card '" + kind_name + "'; --list-kinds lists them");
        }
        model::Knobs settings;
        kind->adjust(settings);
        for (const std::string& knob : knobs) model::set_knob(settings, knob);
        store_.restore(name, settings);
        card = std::make_shared<model::CardModel>(pki(person, kind->certificates), settings);
        card->power_off();  // not in the reader yet
    }
    return {name, card};
}

void Wallet::keep(const Card& card) { store_.keep(card.name, card.model->knobs()); }

std::shared_ptr<const model::TestPki> Wallet::pki(unsigned person, model::Certificates certificates) {
    std::shared_ptr<const model::TestPki>& pki = pkis_[{person, certificates}];
    if (pki) return pki;
    const bool expired = certificates == model::Certificates::expired;
    model::TestPki::Options options;
    options.seed = person * 2 + (expired ? 1 : 0);
    options.p384 = certificates == model::Certificates::p384;
    if (person > 1) options.name += std::to_string(person);
    if (expired) {
        options.authentication_not_before_days = -1800;
        options.not_after_days = -10;
    }
    namespace fs = std::filesystem;
    fs::path directory(pki_directory_);
    if (person > 1) directory /= "person-" + std::to_string(person);
    if (expired) directory /= "expired";
    if (options.p384) directory /= "p384";
    if (pki_directory_.empty()) {
        pki = model::TestPki::make(options);
    } else if (fs::exists(directory / "signature_ca.key")) {  // the file that is saved last
        pki = model::TestPki::load(directory);
    } else {
        pki = model::TestPki::make(options);
        pki->save(directory);
    }
    return pki;
}

}  // namespace jpki::virtual_card
