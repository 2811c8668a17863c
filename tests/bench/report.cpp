#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace jpki::bench {

namespace {

// Counts are integers unless only some of several repeats had an event.
std::string number(double value, int digits) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(digits) << value;
    return text.str();
}
std::string count(double value) { return number(value, std::abs(value - std::round(value)) < 1e-9 ? 0 : 1); }

std::string duration(double milliseconds) {
    return milliseconds < 999.5 ? number(milliseconds, milliseconds < 10 ? 1 : 0) + " ms" : number(milliseconds / 1000, 2) + " s";
}

std::string ratio(double ours, double theirs) {
    if (ours == 0) return theirs == 0 ? "same" : "-";
    const double times = theirs / ours;
    return number(times, times < 9.95 ? 1 : 0) + "x";
}

std::string limit_text(const Limit& limit) {
    std::string text;
    if (limit.commands) text = std::to_string(*limit.commands) + " cmd";
    if (limit.bytes) text += ", " + std::to_string(*limit.bytes) + " B";
    return text;
}

std::string cell(const Figures& figures) {
    if (!figures.cannot.empty()) return "cannot: " + figures.cannot;
    std::string text = count(figures.commands) + " cmd, " + count(figures.bytes) + " B, " + duration(figures.milliseconds);
    for (const auto& note : figures.notes) text += "; " + note;
    return text;
}

std::string ratio_cell(const Figures& ours, const Figures& theirs) {
    if (!ours.cannot.empty() || !theirs.cannot.empty()) return "";
    return ratio(ours.commands, theirs.commands) + ", " + ratio(ours.bytes, theirs.bytes) + ", " +
           ratio(ours.milliseconds, theirs.milliseconds);
}

bool over(const std::optional<std::size_t>& limit, double value) { return limit && value > static_cast<double>(*limit); }

}  // namespace

Figures summary(const std::vector<Sample>& rounds) {
    Figures figures;
    std::vector<double> times;
    for (const auto& sample : rounds) {
        if (!sample.cannot.empty()) return {0, 0, 0, 0, {}, sample.cannot};
        figures.commands = std::max(figures.commands, sample.commands);
        figures.bytes = std::max(figures.bytes, sample.bytes);
        figures.signatures = std::max(figures.signatures, sample.signatures);
        times.push_back(sample.milliseconds);
        figures.notes = sample.notes;
    }
    if (times.empty()) return figures;
    std::sort(times.begin(), times.end());
    figures.milliseconds = (times[(times.size() - 1) / 2] + times[times.size() / 2]) / 2;
    return figures;
}

void Report::markdown(std::ostream& out) const {
    out << "| what | at most |";
    for (const auto& module : modules) out << " " << module.name << " |";
    for (std::size_t i = 1; i < modules.size(); ++i) out << " " << modules[i].name << " / " << modules[0].name << " |";
    out << "\n|---|---|";
    for (std::size_t i = 0; i < 2 * modules.size() - 1; ++i) out << "---|";
    out << "\n";
    for (const auto& measured : rows) {
        out << "| " << measured.row->what << " | " << limit_text(measured.row->limit(sizes)) << " |";
        for (const auto& figures : measured.modules) out << " " << cell(figures) << " |";
        for (std::size_t i = 1; i < modules.size(); ++i)
            out << " " << ratio_cell(measured.modules[0], measured.modules[i]) << " |";
        out << "\n";
    }
}

nlohmann::ordered_json Report::json() const {
    nlohmann::ordered_json json;
    json["certificates"] = {{"authentication", sizes.authentication},
                            {"authentication_ca", sizes.authentication_ca},
                            {"signature", sizes.signature},
                            {"signature_ca", sizes.signature_ca}};
    json["rows"] = nlohmann::ordered_json::array();
    for (const auto& measured : rows) {
        nlohmann::ordered_json row = {{"name", measured.row->name}, {"what", measured.row->what}};
        const Limit limit = measured.row->limit(sizes);
        if (limit.commands) row["most_commands"] = *limit.commands;
        if (limit.bytes) row["most_bytes"] = *limit.bytes;
        for (std::size_t i = 0; i < modules.size(); ++i) {
            const auto& figures = measured.modules[i];
            auto& module = row["modules"][modules[i].name];
            if (!figures.cannot.empty()) {
                module["cannot"] = figures.cannot;
                continue;
            }
            module = {{"commands", figures.commands},
                      {"bytes", figures.bytes},
                      {"signatures", figures.signatures},
                      {"milliseconds", figures.milliseconds}};
            if (!figures.notes.empty()) module["notes"] = figures.notes;
        }
        json["rows"].push_back(row);
    }
    return json;
}

std::vector<std::string> Report::over_the_limit() const {
    std::vector<std::string> lines;
    for (const auto& measured : rows) {
        const Limit limit = measured.row->limit(sizes);
        const auto& figures = measured.modules[0];
        const std::string name = measured.row->name;
        if (!figures.cannot.empty()) lines.push_back(name + ": cannot: " + figures.cannot);
        if (over(limit.commands, figures.commands))
            lines.push_back(name + ": " + count(figures.commands) + " commands, at most " + std::to_string(*limit.commands));
        if (over(limit.bytes, figures.bytes))
            lines.push_back(name + ": " + count(figures.bytes) + " bytes, at most " + std::to_string(*limit.bytes));
    }
    return lines;
}

}  // namespace jpki::bench
