#include "card_kinds.hpp"

#include <algorithm>
#include <array>

namespace jpki::model {

namespace {

void no_signature(Knobs& k, Knobs::Missing missing) {
    k.has_signature = false;
    k.missing_file = missing;
}

void other_card(Knobs& k, std::optional<std::uint16_t> answer) {
    k.is_jpki = false;
    k.atr = {0x3B, 0x80, 0x80, 0x01, 0x01};
    k.other_card_answer = answer;
}

constexpr std::array kinds = {
    CardKind{"adult", "both certificates, both PINs", [](Knobs&) {}},
    CardKind{"child", "no signature certificate; its files answer 6A82",
             [](Knobs& k) { no_signature(k, Knobs::Missing::not_found); }},
    CardKind{"child-empty", "no signature certificate; its file is empty, the signature password blocked",
             [](Knobs& k) { no_signature(k, Knobs::Missing::empty); }},
    CardKind{"child-filler", "no signature certificate; its file contains only filler",
             [](Knobs& k) { no_signature(k, Knobs::Missing::filler); }},
    CardKind{"no-authentication", "no authentication certificate; its files answer 6A82",
             [](Knobs& k) { k.has_authentication = false; }},
    CardKind{"without-pin", "issued for face recognition: the authentication PIN is permanently blocked",
             [](Knobs& k) { k.tries[0] = 0; }},
    CardKind{"blocked", "both PINs blocked",
             [](Knobs& k) {
                 k.tries = {0, 0};
             }},
    CardKind{"blocked-password", "signature password blocked", [](Knobs& k) { k.tries[1] = 0; }},
    CardKind{"blocked-6983", "both PINs blocked; the retry counter query answers 6984, VERIFY 6983",
             [](Knobs& k) {
                 k.tries = {0, 0};
                 k.blocked_query = Knobs::TriesForm::x6984;
                 k.blocked_verify = Knobs::TriesForm::x6983;
             }},
    CardKind{"last-try", "one try left for each PIN",
             [](Knobs& k) {
                 k.tries = {1, 1};
             }},
    CardKind{"expired", "certificates expired ten days ago", [](Knobs&) {}, Certificates::expired},
    CardKind{"next-generation", "(guessed) ECDSA P-384 keys: P1 = 00 signs a 48-byte hash and answers r || s; a model of its own",
             [](Knobs& k) { k.model = "NEXT-GUESSED"; }, Certificates::p384},
    CardKind{"phone", "copy in an Android phone: reading the authentication certificate needs the PIN",
             [](Knobs& k) { k.phone = true; }},
    CardKind{"iphone", "copy in an iPhone: the same, with its own label and 9000 to 80 FC 00 00",
             [](Knobs& k) { k.iphone = true; }},
    CardKind{"resident", "label of the older resident card", [](Knobs& k) { k.resident_card = true; }},
    CardKind{"no-short-forms", "rejects SFI in READ BINARY, VERIFY and signing", [](Knobs& k) { k.short_forms = false; }},
    CardKind{"no-pss", "signing with P1 04 or 05 answers 6A86; model field E00X00XX",
             [](Knobs& k) {
                 k.pss = false;
                 k.model = "E00X00XX";
             }},
    CardKind{"no-pss-known-model", "signing with P1 04 or 05 answers 6A86 although the model field is E16R01NJ",
             [](Knobs& k) { k.pss = false; }},
    CardKind{"pss-other-model", "PSS works although the model field is E00X00XX", [](Knobs& k) { k.model = "E00X00XX"; }},
    CardKind{"bare", "neither EF 0006 nor EF 0008",
             [](Knobs& k) {
                 k.has_existence_file = false;
                 k.has_token_information = false;
             }},
    CardKind{"zero-filler", "certificate files filled with 00", [](Knobs& k) { k.certificate_filler = 0x00; }},
    CardKind{"exact-files", "certificate files without filler", [](Knobs& k) { k.certificate_file_size = 0; }},
    CardKind{"extended", "accepts extended APDUs", [](Knobs& k) { k.extended_length = true; }},
    CardKind{"first-6f00", "6F00 to the first command after a cold reset", [](Knobs& k) { k.first_command_6f00 = true; }},
    CardKind{"query-needs-le", "the retry counter query needs Le (a fifth byte)", [](Knobs& k) { k.query_needs_le = true; }},
    CardKind{"forgetful", "a second SELECT of the application, a warm reset and a failed VERIFY end all logins",
             [](Knobs& k) {
                 k.reselect_clears_pin = true;
                 k.reset_clears_pin = true;
                 k.failure_clears_other_login = true;
             }},
    CardKind{"one-login", "a VERIFY ends the login with the other PIN", [](Knobs& k) { k.one_pin_at_a_time = true; }},
    CardKind{"strict", "signing checks the PIN before P1 and answers 6985 to a wrong length; rejects new PINs against the rules",
             [](Knobs& k) {
                 k.checks_pin_before_p1 = true;
                 k.wrong_length_6985 = true;
                 k.enforces_password_rules = true;
             }},
    CardKind{"t0", "answers 61xx and 6Cxx as a T=0 reader shows them",
             [](Knobs& k) {
                 k.answers_61xx = true;
                 k.answers_6cxx = true;
             }},
    CardKind{"foreign", "not a JPKI card: answers 6A82 to SELECT", [](Knobs& k) { other_card(k, 0x6A82); }},
    CardKind{"storage", "storage card: the reader reports success and returns no byte for every command",
             [](Knobs& k) { other_card(k, std::nullopt); }},
    CardKind{"storage-6300", "storage card: answers 6300 to every command", [](Knobs& k) { other_card(k, 0x6300); }},
    CardKind{"storage-6f00", "storage card: answers 6F00 to every command", [](Knobs& k) { other_card(k, 0x6F00); }},
    CardKind{"storage-6881", "storage card: answers 6881 to every command", [](Knobs& k) { other_card(k, 0x6881); }},
};

}  // namespace

std::span<const CardKind> card_kinds() { return kinds; }

const CardKind* find_card_kind(std::string_view name) {
    const auto found = std::ranges::find(kinds, name, &CardKind::name);
    return found == kinds.end() ? nullptr : &*found;
}

}  // namespace jpki::model
