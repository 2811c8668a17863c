// The commands of the control socket.
#include "card_kinds.hpp"
#include "knob_text.hpp"
#include "virtual_card.hpp"

#include <charconv>
#include <sstream>
#include <stdexcept>

namespace jpki::virtual_card {

namespace {

constexpr const char* help =
    "leave | come | swap KIND [PERSON] | counts | reset-counts | tries auth|sign [N] | reset | other-application | "
    "fault KIND [AT] | knob NAME=VALUE | kinds | knobs | status | help | quit";

unsigned number(const std::string& text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) throw std::invalid_argument("'" + text + "' is not a number");
    return value;
}

// On one line: an answer is one line.
template <typename Range, typename Text> std::string joined(const Range& range, Text text) {
    std::string line;
    for (const auto& entry : range) line.append(line.empty() ? "" : " ").append(text(entry));
    return line;
}

model::KeyUse use(const std::string& text) {
    if (text == "auth") return model::KeyUse::authentication;
    if (text == "sign") return model::KeyUse::signature;
    throw std::invalid_argument("'" + text + "' is neither auth nor sign");
}

}  // namespace

std::optional<std::string> VirtualCard::obey(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.empty()) return std::string("error: no command; try help");
    // Log the command's name only: knob pins=... contains secrets.
    log_.event("told to " + words[0]);
    try {
        auto answer = obey(words);
        wallet_.keep(card_);
        return answer;
    } catch (const std::exception& error) {
        return std::string("error: ") + error.what();
    }
}

std::optional<std::string> VirtualCard::obey(const std::vector<std::string>& words) {
    const std::string& verb = words[0];
    const auto takes = [&](std::size_t least, std::size_t most) {
        if (words.size() - 1 < least || words.size() - 1 > most)
            throw std::invalid_argument("wrong number of arguments: " + std::string(help));
    };
    if (verb == "tries") {
        takes(1, 2);
        return tries(words);
    }
    if (verb == "swap") {
        takes(1, 2);
        return swap(words);
    }
    if (verb == "fault") {
        takes(1, 2);
        card_.model->inject({model::fault_kind(words[1]), words.size() > 2 ? number(words[2]) : 0});
        return "ok";
    }
    if (verb == "knob") {
        takes(1, 1);
        model::Knobs tried = card_.model->knobs();
        model::set_knob(tried, words[1]);  // throws before the card is changed
        card_.model->change_knobs([&](model::Knobs& knobs) { model::set_knob(knobs, words[1]); });
        return "ok";
    }
    takes(0, 0);
    if (verb == "leave") {
        leave();
        return "ok";
    }
    if (verb == "come") {
        wanted_ = true;
        if (vpcd_.connected()) return "ok";
        return std::nullopt;
    }
    if (verb == "counts") {
        write_counts_if_due(true);
        return counts_json(card_.model->counts());
    }
    if (verb == "reset-counts") {
        card_.model->reset_counts();
        write_counts_if_due(true);
        return "ok";
    }
    if (verb == "reset") {
        card_.model->other_program_resets();
        return "ok";
    }
    if (verb == "other-application") {
        card_.model->other_program_selects_another_application();
        return "ok";
    }
    if (verb == "kinds") return joined(model::card_kinds(), [](const model::CardKind& kind) { return kind.name; });
    if (verb == "knobs") return joined(model::knob_names(), [](const std::string& name) { return name; });
    if (verb == "status") return status();
    if (verb == "help") return help;
    if (verb == "quit") {
        quit_ = true;
        return "ok";
    }
    throw std::invalid_argument("unknown command: " + verb + "; try help");
}

std::string VirtualCard::tries(const std::vector<std::string>& words) {
    const model::KeyUse which = use(words[1]);
    if (words.size() > 2) {
        const unsigned count = number(words[2]);
        if (count > 15) throw std::invalid_argument("a retry counter is at most 15");
        card_.model->set_tries(which, static_cast<int>(count));
    }
    return std::to_string(card_.model->tries(which));
}

// Look up the new card first: after a wrong name the old one stays in the reader.
std::optional<std::string> VirtualCard::swap(const std::vector<std::string>& words) {
    const unsigned person = words.size() > 2 ? number(words[2]) : person_;
    if (person == 0) throw std::invalid_argument("the number of a person starts at 1");
    Wallet::Card next = wallet_.card(words[1], person);
    leave();
    wallet_.keep(card_);
    kind_ = words[1];
    person_ = person;
    insert(std::move(next));
    if (!settings_.counts_file.empty()) write_counts_at_ = Clock::now();
    wanted_ = true;
    return std::nullopt;
}

std::string VirtualCard::status() const {
    const auto& card = *card_.model;
    std::ostringstream text;
    text << "kind=" << kind_ << " person=" << person_ << " in-reader=" << (vpcd_.connected() ? "yes" : "no")
         << " application=" << (card.application_selected() ? "yes" : "no")
         << " auth-tries=" << card.tries(model::KeyUse::authentication) << " sign-tries=" << card.tries(model::KeyUse::signature)
         << " auth-verified=" << (card.verified(model::KeyUse::authentication) ? "yes" : "no")
         << " sign-verified=" << (card.verified(model::KeyUse::signature) ? "yes" : "no")
         << " fault-pending=" << (card.fault_pending() ? "yes" : "no");
    return text.str();
}

}  // namespace jpki::virtual_card
