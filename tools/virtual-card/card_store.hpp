// What the virtual card keeps in files: tries and PINs of each card, and the counters.
#pragma once

#include "card_model.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace jpki::virtual_card {

// Replaces the file in one step, mode 0600; durable writes survive a crash of the machine. Throws std::runtime_error.
void write_file(const std::string& path, const std::string& text, bool durable);

std::string counts_json(const model::CardModel::Counts& counts);  // one line

// Tries and PINs, under a name for each card.
class CardStore {
public:
    explicit CardStore(std::string path);  // empty: keeps nothing. Throws std::runtime_error for a file it cannot read.
    // What was kept wins over the kind of card and the command line.
    void restore(const std::string& card, model::Knobs& knobs) const;
    // Writes only when tries or PINs differ from what is kept.
    void keep(const std::string& card, const model::Knobs& knobs);

private:
    std::string path_;
    nlohmann::json kept_ = nlohmann::json::object();
};

}  // namespace jpki::virtual_card
