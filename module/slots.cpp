#include "module/slots.hpp"

#include "apdu/errors.hpp"
#include "module/caller.hpp"

#include <algorithm>

namespace jpki {

// Slot ids are known from C_Initialize on, also to a caller that took one from its configuration and asked for no list.
std::size_t SlotTable::reader_index(CK_SLOT_ID id) {
    if (!discovered_) discover_locked();
    const std::size_t reader = id / variant_roles().size();
    require(reader < readers_.size(), CKR_SLOT_ID_INVALID);
    return reader;
}

Role SlotTable::role_of(CK_SLOT_ID id) { return variant_roles()[id % variant_roles().size()]; }

bool SlotTable::may_be_ours(const Reader& reader) const noexcept {
    return reader.status.card_present && !(reader.foreign && reader.foreign_events == reader.status.events);
}

SlotView SlotTable::view_of(std::size_t index, std::size_t nth_role) const {
    const Reader& reader = *readers_[index];
    const Role role = variant_roles()[nth_role];
    const bool absent = reader.insertion && reader.insertion->token(role).known_absent();
    return {static_cast<CK_SLOT_ID>(index * variant_roles().size() + nth_role), reader.name, role, may_be_ours(reader) && !absent};
}

// The resource manager is gone: whatever it said, and every connection through it, is void.
void SlotTable::lose_everything() {
    for (const auto& reader : readers_) {
        apply(*reader, ReaderStatus{});
        reader->foreign = false;
    }
}

void SlotTable::apply(Reader& reader, const ReaderStatus& status) {
    reader.status = status;
    const bool other_stay = !status.card_present || status.events != reader.insertion_events;
    bool only_the_connection_knows = false;
    if (reader.insertion && (other_stay || reader.insertion->gone())) {
        only_the_connection_knows = !other_stay && reader.insertion->card().removed();
        reader.insertion->card().set_gone();
        reader.insertion.reset();
    }
    // The first sight of a reader is no event: its slots were not known before (the list was).
    const bool changed = status.card_present != reader.reported_present || (status.card_present && status.events != reader.reported_events);
    // A connection may hear of a removal a moment before the status tells it.
    const bool told_already = reader.removal_reported && !status.card_present;
    if (only_the_connection_knows || (changed && !told_already)) std::fill(reader.pending.begin(), reader.pending.end(), true);
    if (only_the_connection_knows) reader.removal_reported = true;
    else if (changed) reader.removal_reported = false;
    reader.reported_present = status.card_present;
    reader.reported_events = status.events;
}

// A resource manager that was lost may have been started again by now: it is asked once more. What came between, no matter
// how short, has ended everything that was known.
std::optional<std::vector<ReaderStatus>> SlotTable::ask(const std::vector<std::string>& names) {
    auto status = context_.status(names);
    if (status) return status;
    lose_everything();
    status = context_.status(names);
    return status;
}

void SlotTable::refresh(Reader& reader) {
    if (const auto status = ask({reader.name})) apply(reader, status->front());
}

void SlotTable::refresh_all() {
    std::vector<std::string> names;
    for (const auto& reader : readers_) names.push_back(reader->name);
    const auto status = ask(names);
    if (!status) return;
    for (std::size_t i = 0; i < readers_.size(); ++i) apply(*readers_[i], (*status)[i]);
}

void SlotTable::discover_locked() {
    looked_ = true;
    auto names = context_.readers();
    if (!names) {
        lose_everything();
        names = context_.readers();  // started again?
    }
    if (!names) return;
    discovered_ = true;
    for (const std::string& name : *names) {
        const bool known = std::any_of(readers_.begin(), readers_.end(), [&](const auto& reader) { return reader->name == name; });
        if (known) continue;
        auto reader = std::make_unique<Reader>();
        reader->name = name;
        reader->pending.assign(variant_roles().size(), false);
        const auto status = ask({name});
        if (!status) return;
        reader->status = status->front();
        reader->reported_present = reader->status.card_present;
        reader->reported_events = reader->status.events;
        readers_.push_back(std::move(reader));
    }
}

void SlotTable::discover(bool again) {
    const std::scoped_lock lock(mutex_);
    if (again || !discovered_) discover_locked();
}

std::vector<SlotView> SlotTable::view() {
    const std::scoped_lock lock(mutex_);
    refresh_all();
    std::vector<SlotView> slots;
    for (std::size_t reader = 0; reader < readers_.size(); ++reader)
        for (std::size_t role = 0; role < variant_roles().size(); ++role) slots.push_back(view_of(reader, role));
    return slots;
}

SlotView SlotTable::view(CK_SLOT_ID id) {
    const std::scoped_lock lock(mutex_);
    const std::size_t reader = reader_index(id);
    refresh(*readers_[reader]);
    return view_of(reader, id % variant_roles().size());
}

std::shared_ptr<Insertion> SlotTable::insertion(CK_SLOT_ID id, bool overview) {
    caller_of_this_thread = {id, CK_INVALID_HANDLE};
    Reader* reader = nullptr;
    {
        const std::scoped_lock lock(mutex_);
        reader = readers_[reader_index(id)].get();  // stays where it is: the table never shrinks
    }
    const std::scoped_lock connecting(*reader->connecting);
    // A card that is changed while we connect is looked at again; not for ever.
    for (int attempt = 0; attempt < 3; ++attempt) {
        std::uint16_t events = 0;
        std::shared_ptr<Insertion> known;
        {
            const std::scoped_lock lock(mutex_);
            refresh(*reader);
            require(reader->status.card_present, CKR_TOKEN_NOT_PRESENT);
            require(may_be_ours(*reader), CKR_TOKEN_NOT_RECOGNIZED);
            known = reader->insertion;
            events = reader->status.events;
        }
        if (known) {
            known->card().check_connection();
            if (!known->gone()) return known;
            continue;
        }
        std::shared_ptr<Insertion> fresh;
        bool ours = false;
        try {
            fresh = std::make_shared<Insertion>(services_, reader->name);
            ours = fresh->card().recognise(overview ? variant_roles() : std::span<const Role>());
        } catch (const CardRemoved&) {
            continue;
        }
        const std::scoped_lock lock(mutex_);
        refresh(*reader);
        if (!reader->status.card_present || reader->status.events != events) continue;
        if (!ours) {
            services_.log.info("a card of another kind; it is left alone until it is taken out");
            reader->foreign = true;
            reader->foreign_events = events;
            throw Error{CKR_TOKEN_NOT_RECOGNIZED};
        }
        reader->insertion = fresh;
        reader->insertion_events = events;
        reader->removal_reported = false;
        return fresh;
    }
    throw Error{CKR_TOKEN_NOT_PRESENT};
}

bool SlotTable::still_there(CK_SLOT_ID id, Insertion& insertion) {
    {
        const std::scoped_lock lock(mutex_);
        Reader& reader = *readers_[reader_index(id)];
        refresh(reader);
        if (reader.insertion.get() != &insertion) return false;
    }
    // A reader that was unplugged and plugged again looks as before, counter and all; only the connection knows.
    insertion.card().check_connection();
    return !insertion.gone();
}

std::vector<std::shared_ptr<Insertion>> SlotTable::insertions() {
    const std::scoped_lock lock(mutex_);
    std::vector<std::shared_ptr<Insertion>> alive;
    for (const auto& reader : readers_)
        if (reader->insertion) alive.push_back(reader->insertion);
    return alive;
}

}  // namespace jpki
