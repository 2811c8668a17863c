// A model of the JPKI card application: answers APDUs and keeps the state that apdu/README.md describes.
// The tests use it in-process, the fake of PC/SC uses it, and jpki-virtual-card puts it behind pcscd.
// It shares no code with apdu/ on purpose: a misreading of apdu/README.md in one shows up against the other.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace jpki::model {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

class TestPki;  // test_pki.hpp: keys and certificates in the form of the real ones

enum class KeyUse { authentication = 0, signature = 1 };

Bytes contact_atr();  // the measured one (apdu/README.md, Recognition)

// One knob for each property that apdu/README.md marks as unknown, and for each kind of card. Defaults: an adult's card.
// knob_text.hpp sets them by name.
struct Knobs {
    Bytes atr = contact_atr();
    bool is_jpki = true;  // false: not a JPKI card (see other_card_answer)
    // What such a card answers to SELECT: "not found" (6A82 or 6A81; every other command then answers 6D00), or another
    // status, which it then gives to every command. Without a value the reader reports success and returns no byte.
    std::optional<std::uint16_t> other_card_answer = 0x6A82;
    bool has_signature = true;  // false: no signature certificate (see missing_file)
    bool has_authentication = true;
    enum class Missing { not_found, empty, filler } missing_file = Missing::not_found;
    // For a key that the card lacks. not_found: its three files answer 6A82. empty: the certificate file has no byte, the
    // PIN is blocked, there is no key. filler: the file contains only filler, PIN and key work (certificate removed later).
    bool has_existence_file = true;     // EF 0008
    bool has_token_information = true;  // EF 0006
    bool phone = false;                 // label JPKIAPGPSETOKEN; the authentication certificate can be read only after VERIFY
    bool iphone = false;                // a phone with the label JPKIAPIOSTOKEN; 80 FC 00 00 answers 9000, elsewhere 6700
    bool resident_card = false;         // label JPKIAPICCTOKEN
    std::string model = "E16R01NJ";     // EF 0006
    bool short_forms = true;            // SFI reads, P2 = 80|SFI
    bool sfi_read_sets_current_file = true;  // ISO 7816-4; G
    bool pss = true;                         // P1 = 04 and 05; false: 6A86
    bool extended_length = false;            // false: an extended APDU answers 6700
    bool first_command_6f00 = false;         // after each cold reset
    enum class TriesForm { x63c0, x6983, x6984 };
    TriesForm blocked_query = TriesForm::x63c0;   // retry counter query when blocked
    TriesForm blocked_verify = TriesForm::x6984;  // VERIFY when blocked
    bool query_needs_le = false;                  // the four-byte retry counter query answers 6700; a fifth byte 00 is needed
    bool reselect_clears_pin = false;             // contrary to apdu/README.md
    bool reset_clears_pin = false;                // warm reset; contrary to apdu/README.md
    bool failure_clears_other_login = false;      // a failed VERIFY ends both logins
    bool one_pin_at_a_time = false;               // a successful VERIFY ends the other key's login
    bool checks_pin_before_p1 = false;            // sign: 6982 comes before 6A86
    bool wrong_length_6985 = false;               // sign: data of a wrong length answers 6985 and not 6700
    bool enforces_password_rules = false;         // CHANGE answers 6A80 for a password against the rules
    std::uint8_t certificate_filler = 0xFF;
    std::size_t certificate_file_size = 3808;
    std::array<int, 2> tries = {3, 5};  // tries left
    std::array<int, 2> max_tries = {3, 5};
    std::array<std::string, 2> pins = {"1234", "ABC123"};
    // Another application is selected (also the issuer security domain): foreign_status is its answer to our commands,
    // foreign_read the answer of Fault::other_application's to READ BINARY (a read by SFI may find a file of that application).
    std::uint16_t foreign_status = 0x6D00;
    enum class ForeignRead { refused, other_bytes, other_certificate } foreign_read = ForeignRead::other_bytes;
    // Answer 61xx (GET RESPONSE follows) or 6Cxx (the command is repeated with that Le) as a T=0 reader shows them: 61xx
    // to a command with data and an answer (signing), 6Cxx to a read whose Le exceeds the data.
    bool answers_61xx = false;
    bool answers_6cxx = false;
};

// A fault in one command, counted from the next command (0).
struct Fault {
    enum class Kind {
        none,
        card_gone,        // card removed before the command
        card_gone_after,  // the card carries out the command; card removed before the answer
        reset,            // warm reset before the command
        sw_6f00,          // 6F00; the card does not carry out the command
        unknown_status,   // 69C2 (can be mistaken for a retry counter); the card does not carry out the command
        // The card carries out the command, and the answer is corrupted:
        truncated,         // half of the data is missing, the status is kept; without data one byte of the status is left
        too_long,          // data extended to 300 bytes, more than any short Le
        empty,             // no byte
        bits_flipped,      // one bit in the middle of the data, or without data the lowest bit of the status
        delay,             // calls the delay hook, then answers correctly
        other_application  // another program selects another application before the command
    } kind = Kind::none;
    std::size_t at = 0;
};

// The card as its reader sees it: apdu/README.md, Commands for its answers, State for its state. Thread-safe.
class CardModel {
public:
    explicit CardModel(std::shared_ptr<const TestPki> pki, Knobs knobs = {});
    ~CardModel();
    CardModel(const CardModel&) = delete;
    CardModel& operator=(const CardModel&) = delete;

    struct CardGone {};  // thrown by transmit for Fault::card_gone*; the transport turns it into removal

    // A new card is powered and was just reset (cold).
    Bytes power_on();    // cold reset if it was off; returns the ATR
    void power_off();    // ends all logins; transmit throws CardGone until power_on
    Bytes warm_reset();  // returns the ATR; no application is selected, logins stay (apdu/README.md, State)
    Bytes atr() const;
    // The answer with its two status bytes; at least two bytes unless a fault says otherwise. Throws CardGone when off.
    Bytes transmit(ByteView command);

    // For tests.
    int tries(KeyUse) const;
    bool verified(KeyUse) const;
    std::string pin(KeyUse) const;
    bool application_selected() const;
    void set_tries(KeyUse, int);
    Knobs knobs() const;                                    // with the current tries and PINs
    void change_knobs(const std::function<void(Knobs&)>&);  // the function must not call the model
    void inject(Fault);                                     // replaces the pending fault
    bool fault_pending() const;                             // false once it has taken effect
    // Hooks are called without the mutex, so they may call the model.
    void on_delay(std::function<void()>);
    void on_command(std::function<void(ByteView command, ByteView answer)>);  // e.g. a log; the PIN is not masked here
    // What another program does between our transactions (apdu/README.md, State): its SELECT ends all logins and leaves an
    // application selected that knows none of our commands; its reset is warm_reset.
    void other_program_selects_another_application();
    void other_program_resets();

    struct Counts {
        std::size_t commands = 0, bytes_in = 0, bytes_out = 0;  // in: command bytes, out: answer bytes
        std::array<std::size_t, 2> verify = {0, 0};             // VERIFY commands with a PIN
        std::array<std::size_t, 2> wrong = {0, 0};              // of these, those that cost a try
        std::array<std::size_t, 2> signatures = {0, 0};
        std::array<std::size_t, 2> changes = {0, 0};
        std::size_t issuer_commands = 0;  // 80 32, 80 5x, 80 8A: only the municipal office sends these
    };
    Counts counts() const;
    void reset_counts();

    const TestPki& pki() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Whether the cards of this process compute each PKCS#1 signature once, and give it again for the same key and input: for tests
// of other code than the card's, since an RSA signature takes longer than all else that a card does. At first not.
void remember_signatures(bool yes);

// A command as log text: header, lengths, data in hex, PINs (VERIFY, CHANGE REFERENCE DATA) as asterisks.
std::string masked(ByteView command);

}  // namespace jpki::model
