// The slots with an event for C_WaitForSlotEvent (PKCS#11 5.5).
#include "module/slots.hpp"

#include "module/slots_lock.hpp"

#include <algorithm>

namespace jpki {

std::optional<CK_SLOT_ID> SlotTable::take_event() {
    for (std::size_t reader = 0; reader < readers_.size(); ++reader)
        for (std::size_t use = 0; use < readers_[reader]->pending.size(); ++use)
            if (readers_[reader]->pending[use]) {
                readers_[reader]->pending[use] = false;
                return static_cast<CK_SLOT_ID>(reader * variant_key_uses().size() + use);
            }
    return std::nullopt;
}

std::optional<CK_SLOT_ID> SlotTable::next_event(Seen& seen) {
    // A reader that was unplugged and plugged again between two calls looks unchanged, also its counter.
    for (const auto& insertion : insertions()) insertion->card().check_connection();
    // A card that could not be reached during a list or slot information.
    look_again();
    const Locked lock(*this);
    const bool first_look = !looked_;
    const std::size_t before = readers_.size();
    discover_locked();
    refresh_all();
    // A new reader brings its slots: with a card in it that is an event, unless no call has listed readers before
    // ("when an application initially calls C_Initialize, every slot's event flag is cleared", 5.5).
    for (std::size_t i = first_look ? readers_.size() : before; i < readers_.size(); ++i)
        if (readers_[i]->status.card_present) std::fill(readers_[i]->pending.begin(), readers_[i]->pending.end(), true);
    if (const auto slot = take_event()) return slot;
    seen = {};
    for (const auto& reader : readers_)
        if (reader->status.exists) {
            seen.names.push_back(reader->name);
            seen.states.push_back(reader->status.raw);
        }
    return std::nullopt;
}

}  // namespace jpki
