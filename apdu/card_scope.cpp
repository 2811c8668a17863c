#include "apdu/card_scope.hpp"

#include "apdu/card_files.hpp"
#include "apdu/security_status.hpp"

#include <algorithm>

namespace jpki {

namespace {

// A certificate's serial number (at most 20 bytes, RFC 5280, 4.1.2.2) lies within its first bytes: SEQUENCE, SEQUENCE, version.
constexpr std::size_t serial_number_within = 48;

}  // namespace

void CardScope::select() {
    if (exchange_.select(card_.application)) return;
    // The same insertion without our application: not the card that was recognised.
    exchange_.card_replaced();
    throw CardRemoved("card does not have the JPKI application any more");
}

// Makes certain that our application is selected, for commands that must not reach another one.
void CardScope::select_now() {
    if (!certain()) select();
    // A reader that was unplugged and plugged again has the same event counter.
    if (card_.unconfirmed) confirm_same_card(serial_number_within);
}

// Selects again after signs of another program, a reset or a swap in between. The card must be
// the one that this object has read so far.
void CardScope::reselect() {
    exchange_.doubt();
    card_.unconfirmed = true;
    select();
    confirm_same_card(Command::le_max);
}

// The first `size` bytes of the authentication certificate, if read before (1 command), must be the same. After a fault the next
// operation checks again: until then no command may reach the card that is there.
void CardScope::confirm_same_card(std::size_t size) {
    compare_with_card_read_before(size);
    card_.unconfirmed = false;
}

void CardScope::compare_with_card_read_before(std::size_t size) {
    const Bytes& known = card_.files.authentication_start();
    if (known.empty()) return;
    const std::size_t wanted = std::min(known.size(), size);
    const FileAnswer again = applet().read_start(Ef::authentication_certificate, wanted);
    // A phone whose login ended does not show it; without a login a wrong card could not be used for anything.
    if (again.kind == FileAnswer::Kind::locked && card_.files.authentication_read_with_pin()) {
        card_.status.log_out(KeyUse::authentication);
        return;
    }
    // Any other kind of answer has no data.
    if (!std::ranges::equal(again.data, ByteView(known).first(wanted))) {
        exchange_.card_replaced();
        throw CardRemoved("card replaced by another one");
    }
}

// The same without a SELECT if possible: on a card where another SELECT ends a login, look() must not send one. During a
// login, a token information file that only our application has shows that no other application is selected.
void CardScope::confirm_selected() {
    if (certain() || !selected() || !card_.status.any_verified()) return select_now();
    bool ours = false;
    try {
        const FileAnswer answer = applet().read_start(Ef::token_information, TokenInformation::size);
        const auto information = answer.kind == FileAnswer::Kind::read ? parse_token_information(answer.data) : std::nullopt;
        ours = information && information->label.starts_with(jpki_label);
        if (ours) card_.files.keep(*information);
    } catch (const TransportFault&) {
        throw;
    } catch (const CardFault&) {
        // a status word that our application does not give
    }
    if (!ours) return reselect();
    exchange_.confirm(card_.application);
}

}  // namespace jpki
