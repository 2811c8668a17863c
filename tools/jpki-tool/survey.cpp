// The measurements that need no PIN.
#include "survey.hpp"

#include "exit_status.hpp"
#include "i18n.hpp"
#include "known_cas.hpp"

#include "apdu/certificate_file.hpp"
#include "apdu/iso7816.hpp"
#include "apdu/log.hpp"
#include "apdu/token_information.hpp"

#include <algorithm>
#include <array>

namespace jpki::tool {

namespace {

using Answer = SurveyCard::Answer;
using Lines = std::vector<SurveyLine>;

constexpr std::uint8_t short_reference(Ef ef) { return iso7816::by_sfi(sfi_of(ef)); }
std::string number(std::size_t value) { return std::to_string(value); }

struct KnownFile {
    Ef ef;
    const char* name;
};
constexpr KnownFile files[] = {{Ef::signature_certificate, "0001"},      {Ef::signature_ca, "0002"},
                               {Ef::token_information, "0006"},          {Ef::existence, "0008"},
                               {Ef::authentication_certificate, "000A"}, {Ef::authentication_ca, "000B"},
                               {static_cast<Ef>(0x0009), "0009"},        {static_cast<Ef>(0x0016), "0016"}};

// The size of the selected file: the first offset without data, found by bisection. 0 if nothing can be read.
std::size_t size_of_selected(SurveyCard& card, const Signals& signals) {
    if (card.read(0, 1).status != sw::ok) return 0;
    std::size_t readable = 0, past = 0x8000;  // an offset has 15 bits
    while (past - readable > 1) {
        signals.check();
        const std::size_t middle = (readable + past) / 2;
        const Answer answer = card.read(middle, 1);
        (answer.status == sw::ok && !answer.data.empty() ? readable : past) = middle;
    }
    return past;
}

// The bytes after the DER of a certificate file: none, one byte repeated, or something else.
std::string filler_of_selected(SurveyCard& card, std::size_t size) {
    const Answer head = card.read(0, 4);
    std::size_t total = 0;
    if (head.status != sw::ok || examine_head(head.data, total) != FileHead::certificate) return "no certificate";
    const std::string der = number(total) + " bytes of DER, ";
    if (total >= size) return der + "no filler";
    const Answer rest = card.read(total, std::min<std::size_t>(size - total, 256));
    if (rest.status != sw::ok || rest.data.empty()) return der + "filler not readable";
    const bool same = std::ranges::all_of(rest.data, [&](std::uint8_t byte) { return byte == rest.data[0]; });
    return der + (same ? "filler " + hex(ByteView(rest.data).first(1)) : "filler of several bytes");
}

// The beginning of a file. A failed SELECT leaves another file selected, so its answer is then the result.
Answer read_file(SurveyCard& card, Ef ef, std::size_t le) {
    const Answer selected = card.select_ef(static_cast<std::uint16_t>(ef));
    return selected.status == sw::ok ? card.read(0, le) : selected;
}

void measure_files(SurveyCard& card, const Signals& signals, Lines& lines) {
    for (const KnownFile& file : files) {
        const std::string code = std::string("file-") + file.name;
        const Answer selected = card.select_ef(static_cast<std::uint16_t>(file.ef));
        std::string measured = "SELECT " + hex16(selected.status);
        const Answer first = selected.status == sw::ok ? card.read(0, 1) : selected;
        if (selected.status == sw::ok) measured += ", READ " + hex16(first.status);
        if (first.status == sw::ok) {
            const std::size_t size = size_of_selected(card, signals);
            measured += ", " + number(size) + " bytes";
            const bool certificate = file.ef != Ef::token_information && file.ef != Ef::existence;
            if (certificate) measured += ", " + filler_of_selected(card, size);
        }
        lines.push_back({code, std::string("EF ") + file.name, measured, "size from the DER header; filler is never read"});
    }
}

void measure_contents(SurveyCard& card, Lines& lines) {
    const Answer existence = read_file(card, Ef::existence, 3);
    lines.push_back({"existence", "EF 0008, contents", existence.status == sw::ok ? hex(existence.data) : hex16(existence.status),
                     "byte 0 signature, byte 1 authentication, 8F: there; absent: the files are tried"});
    // Up to the model: the serial number after it is not read.
    const Answer information = read_file(card, Ef::token_information, TokenInformation::size);
    const auto parsed = information.status == sw::ok ? parse_token_information(information.data) : std::nullopt;
    lines.push_back({"token-information", "EF 0006, label and model",
                     parsed ? parsed->label + ", " + parsed->model : hex16(information.status),
                     "a label that does not begin with JPKIAPICCTOKEN: a phone; model E16R01NJ: has PSS"});
}

void measure_reading(SurveyCard& card, const Signals& signals, Lines& lines) {
    // On EF 0006 if it exists, else on a CA's certificate.
    const Ef ef = card.select_ef(static_cast<std::uint16_t>(Ef::token_information)).status == sw::ok ? Ef::token_information
                                                                                                     : Ef::authentication_ca;
    card.select_ef(static_cast<std::uint16_t>(ef));
    const std::size_t size = size_of_selected(card, signals);
    if (size != 0) {
        lines.push_back({"read-past-end", "READ past the end", answer_text(card.read(size + 16, 16)), "6B00"});
        lines.push_back({"read-at-end", "READ at the end", answer_text(card.read(size, 16)), "6B00"});
        const Answer crossing = card.read(size - 8, 32);
        lines.push_back(
            {"read-crossing-end", "READ of 32 bytes of which 8 are left", answer_text(crossing), "9000 with 8 bytes"});
    }
    const Answer short_form = card.read_short_form(ef, 0, 8);
    lines.push_back({"short-form-read", "READ with a short file identifier", answer_text(short_form),
                     "probed by the tries query; SELECT EF otherwise"});
    card.select_ef(static_cast<std::uint16_t>(Ef::signature_ca));
    const Answer by_sfi = card.read_short_form(ef, 0, 8);
    const Answer after = card.read(0, 8);
    lines.push_back({"short-form-selects", "a READ with a short file identifier selects the file",
                     by_sfi.status != sw::ok     ? "no short form"
                     : after.data == by_sfi.data ? "yes"
                                                 : "no",
                     "either; found out before it is relied on"});
    card.select_ef(static_cast<std::uint16_t>(ef));
    // No Command: those are short ones.
    const Bytes extended_le = {0x00, iso7816::ins::read_binary, 0x00, 0x00, 0x00, 0x02, 0x00};
    const Answer extended = card.send(extended_le);
    lines.push_back({"extended-le", "READ with an extended Le of 512", answer_text(extended), "never used"});
    lines.push_back({"no-such-file", "READ of a short file identifier that no file has",
                     answer_text(card.send(iso7816::read_binary_by_sfi(0x1E, 0, 1))), "any error: no such file"});
    lines.push_back({"read-pin-file", "READ of the PIN's file", answer_text(card.read_short_form(Ef::authentication_pin, 0, 1)),
                     "never done"});
    lines.push_back({"challenge", "GET CHALLENGE of 8 bytes", answer_text(card.send(iso7816::get_challenge(8))), "never used"});
}

void measure_tries(SurveyCard& card, Lines& lines) {
    for (const KeyUse use : all_key_uses) {
        const Ef pin = facts_of(use).pin;
        const std::string name = name_of(use);
        const Answer query = card.query_tries(short_reference(pin), false);
        lines.push_back(
            {"tries-" + name, "tries query, " + name + ", short form", answer_text(query), "63Cx; blocked: 63C0, 6983 or 6984"});
        lines.push_back({"tries-le-" + name, "the same with a fifth byte 00",
                         answer_text(card.query_tries(short_reference(pin), true)), "used once after 6700"});
        const Answer selected = card.select_ef(static_cast<std::uint16_t>(pin));
        lines.push_back({"tries-selected-" + name, "the same after SELECT EF",
                         selected.status == sw::ok ? answer_text(card.query_tries(iso7816::current_file, false))
                                                   : "SELECT " + hex16(selected.status),
                         "as the short form"});
        lines.push_back({"tries-again-" + name, "tries query again: it costs no try",
                         card.query_tries(short_reference(pin), false).status == query.status ? "unchanged" : "CHANGED",
                         "unchanged"});
    }
}

void measure_signing(SurveyCard& card, Lines& lines) {
    const std::uint8_t key = short_reference(Ef::authentication_key);
    constexpr std::array<std::uint8_t, 1> too_short = {0};
    for (const std::uint8_t p1 : {std::uint8_t{0x02}, std::uint8_t{0x04}, unassigned_signature_scheme}) {
        const std::string form = hex(ByteView(&p1, 1));
        lines.push_back({"sign-p1-" + form, "sign command, P1 = " + form + ", one byte of data, no PIN verified",
                         answer_text(card.send(iso7816::compute_digital_signature(p1, key, too_short))),
                         p1 == 0x04                          ? "otherwise than P1 = 7F: has PSS"
                         : p1 == unassigned_signature_scheme ? "6A86, or 6982 where the PIN comes first"
                                                             : "6982 or 6700"});
    }
    // A card without short file identifiers answers them all alike.
    const Answer selected = card.select_ef(static_cast<std::uint16_t>(Ef::authentication_key));
    for (const std::uint8_t p1 : {std::uint8_t{0x04}, unassigned_signature_scheme}) {
        const std::string form = hex(ByteView(&p1, 1));
        lines.push_back({"sign-selected-p1-" + form, "the same with P1 = " + form + " after SELECT EF",
                         selected.status == sw::ok
                             ? answer_text(card.send(iso7816::compute_digital_signature(p1, iso7816::current_file, too_short)))
                             : "SELECT " + hex16(selected.status),
                         "as the short form"});
    }
    lines.push_back(
        {"sign-p1-01", "sign command, P1 = 00, 01, 03, 05", "not sent: data of any length might sign", "00 and 04 are used"});
}

// SELECT of the application after a reset; "6F00, then 9000" where the first command fails.
std::string select_after_reset(SurveyCard& card) {
    const std::uint16_t first = card.select_application().status;
    if (first != sw::no_precise_diagnosis) return hex16(first);
    return hex16(first) + ", then " + hex16(card.select_application().status);
}

void measure_state(SurveyCard& card, Lines& lines) {
    const std::uint8_t pin = short_reference(Ef::authentication_pin);
    lines.push_back(
        {"reselect", "SELECT of the application when it is selected", hex16(card.select_application().status), "9000"});
    lines.push_back({"leave", "SELECT of the issuer security domain", hex16(card.select_issuer_security_domain().status),
                     "9000; otherwise the power is taken"});
    lines.push_back({"elsewhere-query", "tries query when another application is selected",
                     answer_text(card.query_tries(pin, false)), "never believed"});
    lines.push_back({"select-back", "SELECT of the application from there", hex16(card.select_application().status), "9000"});
    card.reset();
    lines.push_back({"reset-first", "tries query right after a warm reset", answer_text(card.query_tries(pin, false)),
                     "the application is selected anew"});
    lines.push_back({"reset-select", "SELECT after a warm reset", select_after_reset(card), "9000; 6F00 once is asked again"});
    card.cold_reset();
    lines.push_back(
        {"cold-reset-select", "SELECT after a cold reset", select_after_reset(card), "9000; 6F00 once is asked again"});
    lines.push_back({"phone-command", "80 FC 00 00, which phones are said to answer",
                     "not sent: nobody has published what it does", "never used; a phone is known by its label"});
}

}  // namespace

std::string answer_text(const SurveyCard::Answer& answer) {
    if (answer.status == 0) return "no answer from the reader";
    return hex16(answer.status) + (answer.data.empty() ? "" : " (" + number(answer.data.size()) + " bytes)");
}

std::vector<SurveyLine> survey(SurveyCard& card, const Signals& signals) {
    Lines lines;
    lines.push_back({"atr", "ATR", hex(card.atr()), "not looked at"});
    lines.push_back({"protocol", "protocol", card.t0() ? "T=0" : "T=1", "either"});
    Answer selected = card.select_application();
    const bool again = selected.status == sw::no_precise_diagnosis;
    if (again) selected = card.select_application();
    lines.push_back({"select", "SELECT of the application", std::string(again ? "6F00, then " : "") + answer_text(selected),
                     "9000; 6F00 once is asked again"});
    if (selected.status == 0)
        throw Failure(Exit::failure, fill(_("The card or its reader reported a fault: {0}"), {answer_text(selected)}));
    if (selected.status != sw::ok) throw Failure(Exit::not_our_card, _("This card is not a My Number Card."));
    for (const auto measure : {measure_files, measure_reading}) {
        signals.check();
        measure(card, signals, lines);
    }
    for (const auto measure : {measure_contents, measure_tries, measure_signing, measure_state}) {
        signals.check();
        measure(card, lines);
    }
    return lines;
}

}  // namespace jpki::tool
