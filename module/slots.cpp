// The readers, and the insertion in each.
#include "module/slots.hpp"

#include "module/slots_lock.hpp"

#include <algorithm>

namespace jpki {

// Slot ids are known from C_Initialize on, also for a caller that has one from its configuration and requested no list.
std::size_t SlotTable::reader_index(CK_SLOT_ID id) {
    if (!discovered_) discover_locked();
    const std::size_t reader = id / variant_key_uses().size();
    require(reader < readers_.size(), CKR_SLOT_ID_INVALID);
    return reader;
}

KeyUse SlotTable::use_of(CK_SLOT_ID id) { return variant_key_uses()[id % variant_key_uses().size()]; }

SlotTable::Reader& SlotTable::reader_of(CK_SLOT_ID id) { return *readers_[reader_index(id)]; }

bool SlotTable::may_be_ours(const Reader& reader) const noexcept { return reader.status.card_present && !reader.foreign; }

// Under the lock. The card counts as removed at once, the connection to it ends later.
void SlotTable::drop(std::shared_ptr<Insertion>& insertion) {
    if (!insertion) return;
    insertion->card().set_gone();
    dropped_.push_back(std::move(insertion));
    insertion.reset();
}

void SlotTable::begin_stay(Reader& reader, std::uint16_t events) {
    drop(reader.insertion);
    reader.stay = events;
    reader.foreign = false;
    reader.known_ours = false;
    reader.odd_answers = 0;
    reader.told = {};
}

// The resource manager is lost: its state, and every connection through it, is void.
void SlotTable::lose_everything() {
    for (const auto& reader : readers_) apply(*reader, ReaderStatus{});
}

void SlotTable::apply(Reader& reader, const ReaderStatus& status) {
    reader.status = status;
    const bool other_stay = !status.card_present || status.events != reader.stay;
    bool only_the_connection_knows = false;
    if (other_stay) {
        begin_stay(reader, status.events);
    } else if (reader.insertion && reader.insertion->gone()) {
        only_the_connection_knows = reader.insertion->card().presence() != Presence::connection_lost;
        if (only_the_connection_knows) begin_stay(reader, status.events);
        else drop(reader.insertion);
    }
    // A new reader is not an event: its slots were not known before (the list was).
    const bool changed =
        status.card_present != reader.reported_present || (status.card_present && status.events != reader.reported_events);
    // A connection may detect a removal shortly before the status shows it.
    const bool told_already = reader.removal_reported && !status.card_present;
    if (only_the_connection_knows || (changed && !told_already)) std::fill(reader.pending.begin(), reader.pending.end(), true);
    if (only_the_connection_knows) reader.removal_reported = true;
    else if (changed) reader.removal_reported = false;
    reader.reported_present = status.card_present;
    reader.reported_events = status.events;
}

// A lost resource manager may have been restarted by now: try once more. The interruption, however
// short, has invalidated everything that was known.
std::optional<std::vector<ReaderStatus>> SlotTable::status_of(const std::vector<std::string>& names) {
    auto status = context_.status(names);
    if (status) return status;
    lose_everything();
    status = context_.status(names);
    return status;
}

void SlotTable::refresh(Reader& reader) {
    if (const auto status = status_of({reader.name})) apply(reader, status->front());
}

void SlotTable::refresh_all() {
    std::vector<std::string> names;
    for (const auto& reader : readers_) names.push_back(reader->name);
    const auto status = status_of(names);
    if (!status) return;
    for (std::size_t i = 0; i < readers_.size(); ++i) apply(*readers_[i], (*status)[i]);
}

// Once, until pcscd allows access: callers ask again every second.
void SlotTable::note_refusal() {
    if (!context_.refused() || refusal_noted_) return;
    refusal_noted_ = true;
    services_.log.error("pcscd refused access to readers (polkit); allow this user with a rule, see the example pcscd.rules");
}

bool SlotTable::knows(const std::string& name) const {
    for (const auto& reader : readers_)
        if (reader->name == name) return true;
    return false;
}

void SlotTable::discover_locked() {
    looked_ = true;
    auto names = context_.readers();
    if (!names) {
        lose_everything();
        names = context_.readers();  // restarted?
    }
    if (!names) return note_refusal();
    refusal_noted_ = false;
    discovered_ = true;
    for (const std::string& name : *names) {
        if (knows(name)) continue;
        auto reader = std::make_unique<Reader>();
        reader->name = name;
        reader->pending.assign(variant_key_uses().size(), false);
        const auto status = status_of({name});
        if (!status) return;
        reader->status = status->front();
        reader->stay = reader->status.events;
        reader->reported_present = reader->status.card_present;
        reader->reported_events = reader->status.events;
        readers_.push_back(std::move(reader));
    }
}

void SlotTable::discover(bool again) {
    const Locked lock(*this);
    if (again || !discovered_) discover_locked();
}

bool SlotTable::still_there(CK_SLOT_ID id, Insertion& insertion) {
    {
        const Locked lock(*this);
        refresh(reader_of(id));  // drops an insertion that has ended: it is gone() then
    }
    // A reader that was unplugged and plugged again looks unchanged, also its counter; only the connection shows it.
    insertion.card().check_connection();
    return !insertion.gone();
}

std::vector<std::shared_ptr<Insertion>> SlotTable::insertions() {
    const MutexLock lock(mutex_);
    std::vector<std::shared_ptr<Insertion>> alive;
    for (const auto& reader : readers_)
        if (reader->insertion) alive.push_back(reader->insertion);
    return alive;
}

}  // namespace jpki
