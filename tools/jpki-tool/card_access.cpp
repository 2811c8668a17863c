#include "card_access.hpp"

#include "exit_status.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include "apdu/certificate.hpp"
#include "apdu/errors.hpp"
#include "apdu/pcsc_link.hpp"

#include <algorithm>

namespace jpki::tool {

namespace {

// How long to wait for a transaction of another program.
constexpr std::chrono::milliseconds patience{3000};

OpenCard::File file_of(const CertificateFile& file) {
    using Kind = OpenCard::File::Kind;
    switch (file.kind) {
    case FileAnswer::Kind::read: return {Kind::read, file.certificate->der};
    case FileAnswer::Kind::locked: return {Kind::locked, {}};
    default: return {Kind::absent, {}};
    }
}

[[noreturn]] void no_service() {
    throw Failure(Exit::no_service, _("The smart card service (pcscd) does not answer. \"jpki-tool doctor\" finds out why."));
}

ReaderView look_at(PcscContext& pcsc, const std::string& name) {
    ReaderView view;
    view.name = name;
    SCARD_READERSTATE state{};
    state.szReader = name.c_str();
    state.dwCurrentState = SCARD_STATE_UNAWARE;
    const LONG rc = pcsc.get_state(state);
    if (rc != SCARD_S_SUCCESS && rc != SCARD_E_TIMEOUT) return view;
    const bool present = (state.dwEventState & SCARD_STATE_PRESENT) != 0;
    view.mute = present && (state.dwEventState & SCARD_STATE_MUTE) != 0;
    view.card = present && !view.mute;
    view.exclusive = (state.dwEventState & SCARD_STATE_EXCLUSIVE) != 0;
    view.in_use = (state.dwEventState & SCARD_STATE_INUSE) != 0;
    const auto size = std::min<std::size_t>(state.cbAtr, sizeof state.rgbAtr);
    view.atr.assign(state.rgbAtr, state.rgbAtr + size);
    return view;
}

}  // namespace

bool names_reader(const std::string& wanted, const std::string& name, std::size_t number) {
    const bool is_number = !wanted.empty() && wanted.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? wanted == std::to_string(number) : name.find(wanted) != std::string::npos;
}

std::vector<ReaderView> look_at_readers(PcscContext& pcsc) {
    if (!pcsc.open()) no_service();
    const auto names = pcsc.readers();
    if (!names) no_service();
    std::vector<ReaderView> result;
    for (const std::string& name : *names) result.push_back(look_at(pcsc, name));
    return result;
}

bool refuses_cards(const std::string& reader) {
    PcscContext pcsc;
    if (!pcsc.open()) return false;
    SCARDHANDLE card = 0;
    DWORD protocol = 0;
    const LONG rc =
        SCardConnect(pcsc.get(), reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol);
    if (rc == SCARD_S_SUCCESS) SCardDisconnect(card, SCARD_LEAVE_CARD);
    return rc == SCARD_W_SECURITY_VIOLATION;
}

OpenCard::OpenCard(Log& log, const std::string& reader) : reader_(reader) {
    on_card([&] {
        card_ = std::make_unique<Card>(std::make_unique<PcscLink>(log, reader, patience), log);
        if (!card_->recognise())
            throw Failure(Exit::not_our_card, fill(_("The card in {0} is not a My Number Card."), {printable(reader)}));
    });
}

OpenCard::~OpenCard() {
    try {
        if (card_ && card_->may_be_open()) card_->reset_security_status();
    } catch (const std::exception&) {
        // The card was removed, and its security status with it; or another program holds it: then only the disconnect is left to
        // do.
    }
}

OpenCard::File OpenCard::certificate(KeyUse use) {
    return on_card([&] { return file_of(card_->certificate(use)); });
}

OpenCard::File OpenCard::ca_certificate(KeyUse use) {
    return on_card([&] { return file_of(card_->ca_certificate(use)); });
}

std::unique_ptr<OpenCard> find_card(Log& log, const std::string& wanted) {
    PcscContext pcsc;
    const auto all = look_at_readers(pcsc);
    if (all.empty()) throw Failure(Exit::no_reader, _("No card reader is connected."));
    std::unique_ptr<OpenCard> found;
    std::optional<Failure> reason;
    std::size_t number = 0, named = 0;
    for (const ReaderView& reader : all) {
        if (!names_reader(wanted, reader.name, ++number)) continue;
        ++named;
        if (!reader.card) {
            if (reader.mute && !reason)
                reason = Failure(Exit::not_our_card, fill(_("The card in {0} does not answer. Take it out and place it again."),
                                                          {printable(reader.name)}));
            continue;
        }
        try {
            auto card = std::make_unique<OpenCard>(log, reader.name);
            if (found)
                throw Failure(Exit::usage, fill(_("There are several My Number Cards. Choose a reader with --reader: {0}, {1}"),
                                                {printable(found->reader()), printable(reader.name)}));
            found = std::move(card);
        } catch (const Failure& failure) {
            if (failure.exit == Exit::usage) throw;
            reason = failure;
        }
    }
    if (found) return found;
    if (reason) throw *reason;
    if (named == 0) throw Failure(Exit::no_reader, fill(_("No reader is called \"{0}\"."), {printable(wanted)}));
    throw Failure(Exit::no_card, _("There is no card in the reader."));
}

void rethrow_as_failure() {
    try {
        throw;
    } catch (const CardRemoved&) {
        throw Failure(Exit::no_card, _("The card or its reader was removed."));
    } catch (const CardBusy&) {
        throw Failure(Exit::card_busy, _("Another program is using the card. Close it, or try again in a moment."));
    } catch (const TransportFault& fault) {
        // What most readers return when the card is removed during a command.
        throw Failure(Exit::no_card,
                      fill(_("The card was removed, or lost contact with the reader ({0}). Place it again."), {fault.what()}));
    } catch (const CardFault& fault) {
        throw Failure(Exit::failure, fill(_("The card or its reader reported a fault: {0}"), {fault.what()}));
    }
}

}  // namespace jpki::tool
