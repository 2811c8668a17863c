#include "knob_text.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace jpki::model {

namespace {

using Text = std::string_view;

[[noreturn]] void bad(Text name, Text value, Text wanted) {
    throw std::invalid_argument("knob " + std::string(name) + ": '" + std::string(value) + "' is not " + std::string(wanted));
}

template <typename Number> Number number(Text name, Text value, int base = 10) {
    Number result{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result, base);
    if (error != std::errc{} || end != value.data() + value.size() || value.empty())
        bad(name, value, base == 16 ? "a hexadecimal number of the right size" : "a number");
    return result;
}

bool boolean(Text name, Text value) {
    if (value == "true" || value == "on" || value == "yes" || value == "1") return true;
    if (value == "false" || value == "off" || value == "no" || value == "0") return false;
    bad(name, value, "true or false");
}

std::array<Text, 2> pair(Text name, Text value) {
    const std::size_t comma = value.find(',');
    if (comma == Text::npos) bad(name, value, "a pair: authentication,signature");
    return {value.substr(0, comma), value.substr(comma + 1)};
}

Bytes hex(Text name, Text value) {
    if (value.empty() || value.size() % 2 != 0) bad(name, value, "hexadecimal bytes");
    Bytes bytes;
    for (std::size_t i = 0; i < value.size(); i += 2) bytes.push_back(number<std::uint8_t>(name, value.substr(i, 2), 16));
    return bytes;
}

template <typename Enum> struct Choice {
    Text name;
    Enum value;
};

template <typename Enum, std::size_t N> Enum choose(Text name, Text value, const std::array<Choice<Enum>, N>& choices) {
    std::string all;
    for (const auto& choice : choices) {
        if (choice.name == value) return choice.value;
        all += (all.empty() ? "" : ", ") + std::string(choice.name);
    }
    bad(name, value, "one of " + all);
}

constexpr std::array<Choice<Knobs::Missing>, 3> missing = {
    {{"not_found", Knobs::Missing::not_found}, {"empty", Knobs::Missing::empty}, {"filler", Knobs::Missing::filler}}};
constexpr std::array<Choice<Knobs::TriesForm>, 3> tries_forms = {
    {{"63c0", Knobs::TriesForm::x63c0}, {"6983", Knobs::TriesForm::x6983}, {"6984", Knobs::TriesForm::x6984}}};
constexpr std::array<Choice<Knobs::ForeignRead>, 3> foreign_reads = {
    {{"refused", Knobs::ForeignRead::refused},
     {"other_bytes", Knobs::ForeignRead::other_bytes},
     {"other_certificate", Knobs::ForeignRead::other_certificate}}};

struct Flag {
    Text name;
    bool Knobs::*member;
};

constexpr std::array flags = {
    Flag{"is_jpki", &Knobs::is_jpki},
    Flag{"has_signature", &Knobs::has_signature},
    Flag{"has_authentication", &Knobs::has_authentication},
    Flag{"has_existence_file", &Knobs::has_existence_file},
    Flag{"has_token_information", &Knobs::has_token_information},
    Flag{"phone", &Knobs::phone},
    Flag{"iphone", &Knobs::iphone},
    Flag{"resident_card", &Knobs::resident_card},
    Flag{"short_forms", &Knobs::short_forms},
    Flag{"sfi_read_sets_current_file", &Knobs::sfi_read_sets_current_file},
    Flag{"pss", &Knobs::pss},
    Flag{"extended_length", &Knobs::extended_length},
    Flag{"first_command_6f00", &Knobs::first_command_6f00},
    Flag{"query_needs_le", &Knobs::query_needs_le},
    Flag{"reselect_clears_pin", &Knobs::reselect_clears_pin},
    Flag{"reset_clears_pin", &Knobs::reset_clears_pin},
    Flag{"failure_clears_other_login", &Knobs::failure_clears_other_login},
    Flag{"one_pin_at_a_time", &Knobs::one_pin_at_a_time},
    Flag{"checks_pin_before_p1", &Knobs::checks_pin_before_p1},
    Flag{"wrong_length_6985", &Knobs::wrong_length_6985},
    Flag{"enforces_password_rules", &Knobs::enforces_password_rules},
    Flag{"answers_61xx", &Knobs::answers_61xx},
    Flag{"answers_6cxx", &Knobs::answers_6cxx},
};

struct Value {
    Text name, values;
    void (*set)(Knobs&, Text name, Text value);
};

constexpr std::array values = {
    Value{"atr", "<hex>", [](Knobs& k, Text n, Text v) { k.atr = hex(n, v); }},
    Value{"model", "<text>", [](Knobs& k, Text, Text v) { k.model = v; }},
    Value{"missing_file", "not_found|empty|filler", [](Knobs& k, Text n, Text v) { k.missing_file = choose(n, v, missing); }},
    Value{"blocked_query", "63c0|6983|6984", [](Knobs& k, Text n, Text v) { k.blocked_query = choose(n, v, tries_forms); }},
    Value{"blocked_verify", "63c0|6983|6984", [](Knobs& k, Text n, Text v) { k.blocked_verify = choose(n, v, tries_forms); }},
    Value{"foreign_read", "refused|other_bytes|other_certificate",
          [](Knobs& k, Text n, Text v) { k.foreign_read = choose(n, v, foreign_reads); }},
    Value{"foreign_status", "<4 hex digits>",
          [](Knobs& k, Text n, Text v) { k.foreign_status = number<std::uint16_t>(n, v, 16); }},
    Value{"other_card_answer", "none|<4 hex digits>",
          [](Knobs& k, Text n, Text v) {
              if (v == "none") k.other_card_answer.reset();
              else k.other_card_answer = number<std::uint16_t>(n, v, 16);
          }},
    Value{"certificate_filler", "<2 hex digits>",
          [](Knobs& k, Text n, Text v) { k.certificate_filler = number<std::uint8_t>(n, v, 16); }},
    Value{"certificate_file_size", "<bytes>",
          [](Knobs& k, Text n, Text v) { k.certificate_file_size = number<std::uint16_t>(n, v); }},
    Value{"tries", "<n>,<n>",
          [](Knobs& k, Text n, Text v) {
              const auto two = pair(n, v);
              k.tries = {number<int>(n, two[0]), number<int>(n, two[1])};
          }},
    Value{"max_tries", "<n>,<n>",
          [](Knobs& k, Text n, Text v) {
              const auto two = pair(n, v);
              k.max_tries = {number<int>(n, two[0]), number<int>(n, two[1])};
          }},
    Value{"pins", "<PIN>,<password>",
          [](Knobs& k, Text n, Text v) {
              const auto two = pair(n, v);
              k.pins = {std::string(two[0]), std::string(two[1])};
          }},
};

using Kind = Fault::Kind;
constexpr std::array<Choice<Kind>, 12> faults = {{{"none", Kind::none},
                                                  {"card_gone", Kind::card_gone},
                                                  {"card_gone_after", Kind::card_gone_after},
                                                  {"reset", Kind::reset},
                                                  {"sw_6f00", Kind::sw_6f00},
                                                  {"unknown_status", Kind::unknown_status},
                                                  {"truncated", Kind::truncated},
                                                  {"too_long", Kind::too_long},
                                                  {"empty", Kind::empty},
                                                  {"bits_flipped", Kind::bits_flipped},
                                                  {"delay", Kind::delay},
                                                  {"other_application", Kind::other_application}}};

}  // namespace

void set_knob(Knobs& knobs, std::string_view assignment) {
    const std::size_t equals = assignment.find('=');
    if (equals == Text::npos) throw std::invalid_argument("expected name=value, not '" + std::string(assignment) + "'");
    const Text name = assignment.substr(0, equals);
    const Text value = assignment.substr(equals + 1);
    if (const auto flag = std::ranges::find(flags, name, &Flag::name); flag != flags.end()) {
        knobs.*(flag->member) = boolean(name, value);
        return;
    }
    const auto entry = std::ranges::find(values, name, &Value::name);
    if (entry == values.end()) throw std::invalid_argument("unknown knob '" + std::string(name) + "'; --list-knobs lists them");
    entry->set(knobs, name, value);
}

std::vector<std::string> knob_names() {
    std::vector<std::string> names;
    for (const Flag& flag : flags) names.push_back(std::string(flag.name) + "=true|false");
    for (const Value& value : values) names.push_back(std::string(value.name) + "=" + std::string(value.values));
    return names;
}

Fault::Kind fault_kind(std::string_view name) {
    const auto found = std::ranges::find(faults, name, &Choice<Kind>::name);
    if (found == faults.end()) throw std::invalid_argument("unknown fault '" + std::string(name) + "'; --list-knobs lists them");
    return found->value;
}

std::vector<std::string> fault_names() {
    std::vector<std::string> names;
    for (const auto& fault : faults) names.emplace_back(fault.name);
    return names;
}

}  // namespace jpki::model
