#include "card_store.hpp"

#include "unique_fd.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>

namespace jpki::virtual_card {

void write_file(const std::string& path, const std::string& text, bool durable) {
    const std::string scratch = path + ".new";
    const auto fail = [&] { throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno)); };
    {
        const UniqueFd file(::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file.valid()) fail();
        std::size_t written = 0;
        while (written < text.size()) {
            const ssize_t count = ::write(file.get(), text.data() + written, text.size() - written);
            if (count > 0) written += static_cast<std::size_t>(count);
            else if (errno != EINTR) fail();
        }
        if (durable && ::fsync(file.get()) != 0) fail();
    }
    if (::rename(scratch.c_str(), path.c_str()) != 0) fail();
}

std::string counts_json(const model::CardModel::Counts& counts) {
    const auto uses = [](const std::array<std::size_t, 2>& two) {
        return nlohmann::ordered_json{{"authentication", two[0]}, {"signature", two[1]}};
    };
    return nlohmann::ordered_json{{"commands", counts.commands},     {"bytes_in", counts.bytes_in},
                                  {"bytes_out", counts.bytes_out},   {"verify", uses(counts.verify)},
                                  {"wrong", uses(counts.wrong)},     {"signatures", uses(counts.signatures)},
                                  {"changes", uses(counts.changes)}, {"issuer_commands", counts.issuer_commands}}
        .dump();
}

CardStore::CardStore(std::string path) : path_(std::move(path)) {
    if (path_.empty() || !std::filesystem::exists(path_)) return;
    std::ifstream file(path_);
    kept_ = nlohmann::json::parse(file, nullptr, false);
    if (!kept_.is_object()) throw std::runtime_error(path_ + ": not a state file of the virtual card");
}

void CardStore::restore(const std::string& card, model::Knobs& knobs) const {
    if (!kept_.contains(card)) return;
    try {
        knobs.tries = kept_.at(card).at("tries").get<std::array<int, 2>>();
        knobs.pins = kept_.at(card).at("pins").get<std::array<std::string, 2>>();
    } catch (const nlohmann::json::exception&) {
        throw std::runtime_error(path_ + ": no tries and pins under \"" + card + "\"");
    }
}

void CardStore::keep(const std::string& card, const model::Knobs& knobs) {
    if (path_.empty()) return;
    // A PIN is any sequence of bytes that was sent; JSON must accept it.
    nlohmann::json now = {{"tries", knobs.tries}, {"pins", knobs.pins}};
    if (kept_.contains(card) && kept_.at(card) == now) return;
    kept_[card] = std::move(now);
    write_file(path_, kept_.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n", true);
}

}  // namespace jpki::virtual_card
