// The files that the virtual card writes: tries and PINs of each card, and the counters.
#pragma once

#include "card_model.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace jpki::virtual_card {

// Replaces the file atomically, mode 0600; durable writes survive a crash of the machine. Throws std::runtime_error.
void write_file(const std::string& path, const std::string& text, bool durable);

std::string counts_json(const model::CardModel::Counts& counts);  // one line

// Tries and PINs, under a name for each card.
class CardStore {
public:
    explicit CardStore(
        std::string path);  // empty path: stores nothing. Throws std::runtime_error for a file that it cannot read.
    // Stored values override the kind of card and the command line.
    void restore(const std::string& card, model::Knobs& knobs) const;
    // Writes only if tries or PINs differ from the stored ones.
    void keep(const std::string& card, const model::Knobs& knobs);

private:
    std::string path_;
    nlohmann::json kept_ = nlohmann::json::object();
};

}  // namespace jpki::virtual_card
