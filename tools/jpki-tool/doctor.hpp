// `doctor`: the state of this machine (Facts), and what it means (findings). Separate, so that the tests can simulate
// every machine.
#pragma once

#include "browser_profiles.hpp"
#include "card_report.hpp"
#include "holders.hpp"
#include "nss_modules.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jpki::tool {

enum class Verdict { ok, note, warning, fault };
const char* name_of(Verdict verdict) noexcept;

struct Diagnosis {
    std::string code;  // stable: for --json and the tests
    Verdict verdict;
    std::string text;
    std::string remedy;  // empty if there is nothing to do
};

using Version = std::pair<int, int>;  // major, minor

struct PcscFacts {
    bool pcscd_installed = false;
    std::optional<Version> pcscd, ccid;  // versions; no value: not found
    enum class Socket {
        missing,
        refused,  // the file exists, and no process listens
        closed,   // pcscd closed the connection without an answer: it refuses this user (polkit)
        answered
    } socket = Socket::missing;
    Version protocol{0, 0};  // pcscd's version, from its answer
    bool answers = false;    // SCardEstablishContext succeeded
    bool over_ssh = false;
};

struct UsbReader {
    unsigned vendor = 0, product = 0;
    bool ccid = false;           // has an interface of class 0B
    const char* name = nullptr;  // of a reader known to have no CCID interface
};

struct ReaderFacts {
    ReaderView view;
    enum class Card { none, mute, exclusive, busy, denied, foreign, fault, ours } card = Card::none;
    std::vector<Holder> holders;
    std::string problem;
    std::optional<CardReport> report;
    std::optional<bool> pss;
};

struct ModuleFacts {
    std::string path;
    bool exists = false, loads = false;
    std::string problem;
    Version version{0, 0};
    bool p11_kit_there = false;  // the command p11-kit ran
    bool p11_kit_knows = false;
    int tokens_of_ours = 0;
    int tokens_of_opensc = 0;  // for this card
};

struct BrowserFacts {
    BrowserProfile profile;
    NssModules::State state = NssModules::State::none;
    std::string library;  // that is registered
    bool library_exists = true;
};

struct Facts {
    TimePoint at;
    PcscFacts pcsc;
    std::vector<UsbReader> usb;
    std::vector<ReaderFacts> readers;
    ModuleFacts module;
    std::vector<BrowserFacts> browsers;
    bool engine = false, provider = false;
};

// ---- facts: gather_*.cpp ----
PcscFacts look_at_pcsc(const Places& places);
std::vector<UsbReader> look_at_usb(const Places& places);
std::vector<BrowserFacts> look_at_browsers(const Places& places);
ModuleFacts look_at_module(const std::string& path);
// Counts tokens in the output of `p11-kit list-modules`.
void read_p11_kit_listing(const std::string& listing, ModuleFacts& facts);

// ---- findings: findings_*.cpp; sorted, the most severe last ----
std::vector<Diagnosis> judge(const Facts& facts);
void judge_pcsc(const Facts& facts, std::vector<Diagnosis>& findings);
void judge_readers(const Facts& facts, std::vector<Diagnosis>& findings);
void judge_card(const ReaderFacts& reader, TimePoint at, std::vector<Diagnosis>& findings);
void judge_programs(const Facts& facts, std::vector<Diagnosis>& findings);

// What a developer needs, without personal data: no serial number, no code, no name, no date (the expiry date of a certificate is
// a birthday), no user name.
std::string anonymous_report(const Facts& facts, const std::vector<Diagnosis>& findings, const std::string& log);
// A reader's name without the text in brackets: that may be its serial number.
std::string anonymous_reader(const std::string& name);

}  // namespace jpki::tool
