// The JPKI application, command by command (apdu/README.md, Commands). One object for one transaction.
#pragma once

#include "apdu/facts.hpp"
#include "apdu/link.hpp"
#include "apdu/pin.hpp"
#include "apdu/signature_check.hpp"

#include <functional>
#include <optional>

namespace jpki {

// The command forms that this card accepts; found on first use, and kept until the card is removed.
struct CommandProfile {
    enum class Form { unknown, short_form, select_ef };
    Form form = Form::unknown;      // P2 = 80|SFI, or SELECT EF and P2 = 80
    bool query_with_le = false;     // the retry counter query needs a fifth byte 00
    bool sfi_read_selects = false;  // a READ BINARY with SFI makes the file the current one (ISO/IEC 7816-4, 7.3.2)
};

// A card's regular answers to a PIN.
struct PinAnswer {
    enum class Kind {
        accepted,
        rejected,
        blocked,
        last_try_withheld,  // one try is left, and the PIN was not sent (pin_source.hpp)
        absent,             // the card has no such PIN
        cancelled,          // on the reader's PIN pad: cancelled or timed out; nothing was sent to the card
        not_entered         // on the reader's PIN pad: too short, too long, or the two entries differ; or a new PIN that the card
                            // rejects
    };
    Kind kind = Kind::absent;
    int tries_left = 0;  // after `rejected`: 1..15; after `last_try_withheld`: 1; 0 otherwise
};

// A card's regular answers to the retry counter query: a count (0 when blocked), or that there is no such PIN.
using TriesAnswer = std::optional<int>;

struct SignAnswer {
    enum class Kind {
        done,
        not_verified,    // 6982
        scheme_unknown,  // 6A86: this card does not have that P1
        elsewhere        // an answer that the JPKI application does not give: another application is selected
    };
    Kind kind = Kind::elsewhere;
    Bytes signature;  // of the scheme's size when done
};

struct FileAnswer {
    enum class Kind { read, locked, absent, malformed };
    Kind kind = Kind::absent;
    Bytes data;
    bool success_without_data = false;  // absent, and the card answered 9000
};

// All members throw CardRemoved, TransportFault and CardFault; the latter for a status word that apdu/README.md does not list
// for that command.
class Applet {
public:
    Applet(Link::Transaction& transaction, CommandProfile& profile) : transaction_(transaction), profile_(profile) {}

    // SELECT by AID. False: the card answers that it has no such application (6A82, 6A81 or another of ISO/IEC 7816-4's). Any
    // other answer is odd: with `first_command` the SELECT is repeated once, since a card may answer 6F00 once after a cold reset
    // (apdu/README.md, Recognition) and a transmission fault may affect any answer. Throws CardFault if the last answer
    // is odd.
    bool select(bool first_command);

    // Selects the issuer security domain, which ends all logins (apdu/README.md, State). False if the card did not select it:
    // then only powering it off helps.
    bool select_issuer_security_domain();

    // Tries left for the PIN of `use`; costs none. Finds the form and length that this card accepts.
    TriesAnswer tries(KeyUse use);

    // One VERIFY. If the form is not known yet the short one is used first; a card that does not find the reference has not
    // compared the PIN, and only then is the other form used.
    PinAnswer verify(KeyUse use, const Secret& pin);

    // The VERIFY and CHANGE templates for a reader with a PIN pad: header, and the P2 that names the PIN after whatever
    // SELECT EF the form needs. Absent if the card has no such PIN.
    std::optional<std::uint8_t> pin_reference(KeyUse use);

    // The meaning of a status word that answers a VERIFY. Throws CardFault for an unknown one.
    static PinAnswer pin_answer(std::uint16_t status);

    // CHANGE REFERENCE DATA after a VERIFY of the same PIN. `accepted`, `cancelled`, `not_entered`, or `rejected`: 6982, not
    // verified.
    PinAnswer::Kind change(KeyUse use, const Secret& new_pin);
    // The meaning of a status word that answers a CHANGE REFERENCE DATA. Throws CardFault for an unknown one.
    static PinAnswer::Kind change_answer(std::uint16_t status);

    // `80 2A P1`: data as the scheme's encode() makes it.
    SignAnswer sign(KeyUse use, const SignatureScheme& scheme, ByteView data);

    // The sign command with a P1 and one byte of data, for its status word only: with P1 = 04 it has the wrong length and
    // can never sign.
    std::uint16_t probe_sign(KeyUse use, std::uint8_t p1);

    // The first `size` bytes (1..256) of a file; fewer if it is shorter.
    FileAnswer read_start(Ef ef, std::size_t size);

    // A whole certificate, exactly the DER bytes. `start`: the result of an earlier read_start, or empty.
    FileAnswer read_certificate(Ef ef, Bytes start = {});

private:
    Response read_first(Ef ef, std::size_t offset, std::size_t size);
    FileAnswer read_rest(Ef ef, Bytes data, std::size_t total);
    bool select_ef(Ef ef);
    Response query(std::uint8_t p2);
    std::optional<std::uint8_t> reference(Ef ef);

    Link::Transaction& transaction_;
    CommandProfile& profile_;
};

}  // namespace jpki
