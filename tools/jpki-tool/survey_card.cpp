#include "survey_card.hpp"

#include "exit_status.hpp"
#include "i18n.hpp"

#include "apdu/iso7816.hpp"
#include "apdu/pcsc_codes.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>

namespace jpki::tool {

namespace {

bool begins_with(ByteView apdu, const Header& header) {
    const std::array<std::uint8_t, 4> bytes = {header.cla, header.ins, header.p1, header.p2};
    return apdu.size() >= bytes.size() && std::equal(bytes.begin(), bytes.end(), apdu.begin());
}

bool ends_with(ByteView apdu, ByteView data) {
    return apdu.size() == 5 + data.size() && apdu[4] == data.size() && std::ranges::equal(apdu.subspan(5), data);
}

// Lengths that the command cannot sign (apdu/README.md, P1 table): 02 and 04 take 32 bytes, 00 takes 245 at most. For 01, 03 and
// 05 every length that fits in a short command is a message.
bool cannot_sign(ByteView apdu) {
    if (apdu.size() < 7 || apdu.size() != 6U + apdu[4]) return false;
    const std::uint8_t p1 = apdu[2];
    const std::size_t length = apdu[4];
    if (p1 == 0x02 || p1 == 0x04) return length == 1;
    if (p1 == 0x00) return length > rsa_pkcs1.data_max;
    return p1 == unassigned_signature_scheme && length == 1;
}

}  // namespace

bool is_harmless(ByteView apdu) {
    if (apdu.size() < 4) return false;
    const std::uint8_t p1 = apdu[2], p2 = apdu[3];
    if (begins_with(apdu, iso7816::select_application_header))
        return ends_with(apdu, jpki_aid) || ends_with(apdu, issuer_security_domain_aid);
    if (begins_with(apdu, iso7816::select_ef_header)) return apdu.size() == 7 && apdu[4] == 2;
    if (begins_with(apdu, iso7816::read_binary_header(p1, p2))) return apdu.size() == 5 || (apdu.size() == 7 && apdu[4] == 0);
    if (begins_with(apdu, iso7816::get_challenge_header)) return apdu.size() == 5;
    if (begins_with(apdu, iso7816::get_response_header)) return apdu.size() == 5;
    // VERIFY without data: four bytes, or a fifth that is Le = 00.
    if (begins_with(apdu, iso7816::verify_header(p2))) return apdu.size() == 4 || (apdu.size() == 5 && apdu[4] == 0);
    if (begins_with(apdu, iso7816::sign_header(p1, p2))) return cannot_sign(apdu);
    return false;
}

SurveyCard::SurveyCard(const std::string& reader) : reader_(reader) {
    if (!context_.open())
        throw Failure(Exit::no_service, _("The smart card service (pcscd) does not answer. \"jpki-tool doctor\" finds out why."));
    const LONG rc = SCardConnect(context_.get(), reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                                 &card_, &protocol_);
    if (rc != SCARD_S_SUCCESS) fail(rc);
    std::array<std::uint8_t, MAX_ATR_SIZE> atr{};
    DWORD size = atr.size(), name = 0, state = 0, protocol = 0;
    if (SCardStatus(card_, nullptr, &name, &state, &protocol, atr.data(), &size) == SCARD_S_SUCCESS && size <= atr.size())
        atr_.assign(atr.begin(), atr.begin() + static_cast<std::ptrdiff_t>(size));
}

SurveyCard::~SurveyCard() {
    if (card_ != 0) SCardDisconnect(card_, SCARD_LEAVE_CARD);
}

bool SurveyCard::t0() const noexcept { return protocol_ == SCARD_PROTOCOL_T0; }

void SurveyCard::fail(LONG rc) const {
    if (rc == SCARD_E_SHARING_VIOLATION)
        throw Failure(Exit::card_busy, _("Another program is using the card. Close it, or try again in a moment."));
    if (rc == SCARD_W_REMOVED_CARD || rc == SCARD_E_NO_SMARTCARD || rc == SCARD_E_READER_UNAVAILABLE ||
        rc == SCARD_E_UNKNOWN_READER)
        throw Failure(Exit::no_card, _("The card or its reader was removed."));
    throw Failure(Exit::failure, fill(_("The card or its reader reported a fault: {0}"), {code_text(rc)}));
}

// Waits for another program's transaction, and accepts its resets.
void SurveyCard::begin() {
    for (int attempt = 0; attempt < 3; ++attempt) {
        const LONG rc = SCardBeginTransaction(card_);
        if (rc == SCARD_S_SUCCESS) return;
        if (rc != SCARD_W_RESET_CARD && rc != SCARD_W_UNPOWERED_CARD) fail(rc);
        SCardReconnect(card_, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &protocol_);
    }
    throw Failure(Exit::card_busy, _("Another program is using the card. Close it, or try again in a moment."));
}

// A command to a card that is being removed fails before pcscd notices the removal.
bool SurveyCard::is_removed() {
    SCARD_READERSTATE state{};
    state.szReader = reader_.c_str();
    for (const DWORD timeout : {DWORD{0}, DWORD{1000}}) {
        const LONG rc = timeout == 0 ? context_.get_state(state) : SCardGetStatusChange(context_.get(), timeout, &state, 1);
        if (rc != SCARD_S_SUCCESS) return false;
        if ((state.dwEventState & SCARD_STATE_PRESENT) == 0) return true;
        state.dwCurrentState = state.dwEventState & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
    }
    return false;
}

SurveyCard::Answer SurveyCard::send(ByteView apdu) {
    if (!is_harmless(apdu)) throw std::logic_error("survey: this command may not be sent");
    begin();
    std::array<std::uint8_t, 4096> buffer;
    DWORD size = buffer.size();
    const LONG rc = SCardTransmit(card_, t0() ? SCARD_PCI_T0 : SCARD_PCI_T1, apdu.data(), static_cast<DWORD>(apdu.size()),
                                  nullptr, buffer.data(), &size);
    SCardEndTransaction(card_, SCARD_LEAVE_CARD);
    if (rc == SCARD_W_REMOVED_CARD || rc == SCARD_E_NO_SMARTCARD || rc == SCARD_E_READER_UNAVAILABLE) fail(rc);
    if (rc != SCARD_S_SUCCESS && is_removed()) fail(SCARD_W_REMOVED_CARD);
    Answer answer;
    if (rc != SCARD_S_SUCCESS || size < 2) return answer;
    answer.status = static_cast<std::uint16_t>(buffer[size - 2] << 8 | buffer[size - 1]);
    answer.data.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size - 2));
    return answer;
}

SurveyCard::Answer SurveyCard::select_application() { return send(iso7816::select_application(jpki_aid)); }

SurveyCard::Answer SurveyCard::select_issuer_security_domain() {
    return send(iso7816::select_application(issuer_security_domain_aid));
}

SurveyCard::Answer SurveyCard::select_ef(std::uint16_t id) { return send(iso7816::select_ef(id)); }

SurveyCard::Answer SurveyCard::read(std::size_t offset, std::size_t le) { return send(iso7816::read_binary(offset, le)); }

SurveyCard::Answer SurveyCard::read_short_form(Ef ef, std::size_t offset, std::size_t le) {
    return send(iso7816::read_binary_by_sfi(sfi_of(ef), offset, le));
}

SurveyCard::Answer SurveyCard::query_tries(std::uint8_t p2, bool with_le) {
    return send(iso7816::query_retry_counter(p2, with_le));
}

void SurveyCard::reconnect(DWORD initialization) {
    const LONG rc = SCardReconnect(card_, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, initialization, &protocol_);
    if (rc != SCARD_S_SUCCESS) fail(rc);
}

void SurveyCard::reset() { reconnect(SCARD_RESET_CARD); }

void SurveyCard::cold_reset() { reconnect(SCARD_UNPOWER_CARD); }

}  // namespace jpki::tool
