// Cards are inserted, removed, powered on and off.
#include "service.hpp"

namespace jpki::fake::detail {

namespace {

constexpr DWORD working = SCARD_PRESENT | SCARD_POWERED | SCARD_NEGOTIABLE;
constexpr DWORD silent = SCARD_PRESENT | SCARD_SWALLOWED;

}  // namespace

void Service::set_event(Reader& reader, Handle::Event event) {
    for (auto& [id, handle] : reader.handles) handle.event = event;
    if (event == Handle::Event::removed) {
        reader.lock_handle = 0;
        reader.lock_count = 0;
    }
    note_change();
}

bool Service::power_up(Reader& reader) {
    reader.protocol = SCARD_PROTOCOL_UNDEFINED;
    reader.powered = reader.card != nullptr;
    if (!reader.present()) {
        reader.state = SCARD_ABSENT;
        reader.atr.clear();
    } else if (reader.mute) {
        reader.state = silent;
        reader.atr.clear();
    } else {
        reader.atr = reader.card->power_on();
        reader.state = working;
    }
    return reader.powered;
}

void Service::start_reader(Reader& reader) {
    // Counts no event: for pcscd a card that is present when the reader appears is not an insertion.
    if (reader.card) reader.card->power_off();
    power_up(reader);
}

void Service::stop_reader(Reader& reader) {
    if (reader.card) reader.card->power_off();
    reader.powered = false;
    reader.handles.clear();
    reader.contexts = 0;
    reader.lock_handle = 0;
    reader.lock_count = 0;
    reader.state = 0;
    reader.atr.clear();
    reader.protocol = SCARD_PROTOCOL_UNDEFINED;
}

void Service::insert(Reader& reader, Card card, bool mute) {
    if (reader.present()) throw std::logic_error("fake PC/SC: a card is in " + reader.name);
    if (!card && !mute) throw std::logic_error("fake PC/SC: no card to insert");
    reader.card = std::move(card);
    reader.mute = mute;
    ++reader.insertion;
    if (running) {
        if (reader.card) reader.card->power_off();
        power_up(reader);
        ++counters[place_of(reader)];
    }
    note_change();
}

void Service::remove(Reader& reader) {
    if (!reader.present()) throw std::logic_error("fake PC/SC: no card in " + reader.name);
    if (reader.card) reader.card->power_off();
    reader.card.reset();
    reader.mute = false;
    reader.powered = false;
    ++reader.insertion;
    if (running) {
        set_event(reader, Handle::Event::removed);
        reader.state = SCARD_ABSENT;
        reader.atr.clear();
        reader.protocol = SCARD_PROTOCOL_UNDEFINED;
        ++counters[place_of(reader)];
    }
    note_change();
}

LONG Service::power_cycle(Reader& reader, DWORD how) {
    if (reader.card && how == SCARD_UNPOWER_CARD) reader.card->power_off();
    if (reader.card && how == SCARD_RESET_CARD) reader.card->warm_reset();
    power_up(reader);
    if (!reader.present()) return SCARD_W_REMOVED_CARD;
    return reader.powered ? SCARD_S_SUCCESS : SCARD_E_NOT_TRANSACTED;
}

}  // namespace jpki::fake::detail
