// The cards for the virtual reader: one for each kind and person, each with its own keys and PINs.
#pragma once

#include "card_kinds.hpp"
#include "card_model.hpp"
#include "card_store.hpp"
#include "test_pki.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jpki::virtual_card {

class Wallet {
public:
    // Keys and certificates are stored in pki_directory (person 1's in it; the others', expired ones and those for P-384 keys
    // in subdirectories), tries and PINs in state_file; if one of them is empty, its contents end with the process.
    Wallet(std::string pki_directory, const std::string& state_file);

    struct Card {
        std::string name;  // "<kind>#<person>"
        std::shared_ptr<model::CardModel> model;
    };
    // The same card each time, in its last state. The knobs apply the first time only, and the state file overrides them.
    // Throws std::invalid_argument for an unknown kind or knob.
    Card card(const std::string& kind, unsigned person, const std::vector<std::string>& knobs = {});
    // Writes tries and PINs if they changed. Call it before the answer to a command is sent.
    void keep(const Card& card);

private:
    std::shared_ptr<const model::TestPki> pki(unsigned person, model::Certificates certificates);

    std::string pki_directory_;
    CardStore store_;
    std::map<std::string, std::shared_ptr<model::CardModel>> cards_;
    std::map<std::pair<unsigned, model::Certificates>, std::shared_ptr<const model::TestPki>> pkis_;
};

}  // namespace jpki::virtual_card
