// The cards in the slots: recognised once per insertion, and their state in lists.
#include "module/slots.hpp"

#include "apdu/errors.hpp"
#include "module/caller.hpp"
#include "module/slots_lock.hpp"

#include <algorithm>

namespace jpki {

namespace {

// apdu/README.md, Recognition: a single odd answer may be a transmission fault; a card that gives two is foreign.
constexpr int odd_answers_max = 2;
// One that was recognised before is a JPKI card with a bad connection, or is just being removed. It may fail more often, but not
// for ever: each further call would wait for it.
constexpr int odd_answers_max_recognised = 8;

}  // namespace

// The present insertion. Under the lock; sends nothing.
std::shared_ptr<Insertion> SlotTable::insertion_in(Reader& reader) {
    if (!reader.insertion) {
        reader.insertion = std::make_shared<Insertion>(services_, reader.name, reader.stay);
        reader.removal_reported = false;
    }
    return Insertion::use(reader.insertion);
}

// Runs `question` on a card that is not recognised yet, without the lock, and records its result for the insertion.
// `question` returns as Card::look does. True: a JPKI card, or not reachable. False: removed, or another connection may help.
// Throws CKR_TOKEN_NOT_RECOGNIZED.
bool SlotTable::ask(Reader& reader, const std::shared_ptr<Insertion>& insertion,
                    const std::function<std::optional<bool>()>& question) {
    std::optional<bool> ours;
    bool odd = false;
    std::string fault_text;
    try {
        ours = question();
    } catch (const CardRemoved&) {
        return false;  // the card has written it to the log
    } catch (const CardReset&) {
        return false;  // no answer at all
    } catch (const CardFault& fault) {
        fault_text = fault.what();
        odd = true;
    }
    const Locked lock(*this);
    refresh(reader);
    if (!reader.status.card_present || reader.stay != insertion->stay()) return false;
    if (odd) {
        services_.log.info(fault_text);
        ++reader.odd_answers;
    } else if (insertion->gone()) {
        return false;
    } else if (ours) {
        reader.odd_answers = 0;
        reader.known_ours = reader.known_ours || *ours;
    }
    const int limit = reader.known_ours ? odd_answers_max_recognised : odd_answers_max;
    if (ours == std::optional<bool>(false) || (odd && reader.odd_answers >= limit)) {
        if (reader.known_ours) services_.log.info("the card no longer answers as a JPKI card; ignored until removed");
        else services_.log.info("not a JPKI card; ignored until removed");
        reader.foreign = true;
        drop(reader.insertion);
    }
    note_answers(reader);
    require(!reader.foreign, CKR_TOKEN_NOT_RECOGNIZED);
    return !odd;
}

std::shared_ptr<Insertion> SlotTable::insertion(CK_SLOT_ID id, bool overview) {
    caller_of_this_thread = {id, CK_INVALID_HANDLE};
    const KeyUse use = use_of(id);
    // A card that is replaced during the connection is examined again; not without limit.
    for (int attempt = 0; attempt < 3; ++attempt) {
        Reader* reader = nullptr;
        std::shared_ptr<Insertion> insertion;
        {
            const Locked lock(*this);
            reader = &reader_of(id);  // stays where it is: the table never shrinks
            refresh(*reader);
            require(reader->status.card_present, CKR_TOKEN_NOT_PRESENT);
            require(may_be_ours(*reader), CKR_TOKEN_NOT_RECOGNIZED);
            insertion = insertion_in(*reader);
        }
        Card& card = insertion->card();
        card.check_connection();
        if (card.gone()) continue;
        const auto recognise = [&] { return card.recognise(overview ? variant_key_uses() : std::span<const KeyUse>()); };
        if (!card.recognised() && !ask(*reader, insertion, recognise)) continue;
        require(!card.known_absent(use), CKR_TOKEN_NOT_PRESENT);
        return insertion;
    }
    const Locked lock(*this);
    const Reader& reader = reader_of(id);
    throw Error{reader.status.card_present && reader.odd_answers > 0 ? CKR_DEVICE_ERROR : CKR_TOKEN_NOT_PRESENT};
}

// --- what is said of slots ---------------------------------------------------------------------------------------------

bool SlotTable::present(const Reader& reader, KeyUse use) const noexcept {
    return may_be_ours(reader) && reader.insertion && reader.insertion->card().recognised() &&
           !reader.insertion->card().known_absent(use);
}

// Whether the card's kind, or which keys it has, is not known yet.
bool SlotTable::unsettled(const Reader& reader) const noexcept {
    return may_be_ours(reader) &&
           !(reader.insertion && reader.insertion->card().recognised() && reader.insertion->card().looked_at());
}

// A result that differs from the last one reported is an event.
void SlotTable::note_answers(Reader& reader) {
    for (std::size_t nth = 0; nth < reader.pending.size(); ++nth) {
        const KeyUse use = variant_key_uses()[nth];
        auto& told = reader.told[index_of(use)];
        if (!told || *told == present(reader, use)) continue;
        told = !*told;
        reader.pending[nth] = true;
    }
}

// Recognises a new card and reads which keys it has, unless it cannot be reached now.
void SlotTable::look_at(Reader& reader) {
    for (int attempt = 0; attempt < odd_answers_max; ++attempt) {
        std::shared_ptr<Insertion> insertion;
        {
            const Locked lock(*this);
            if (!unsettled(reader)) return;
            insertion = insertion_in(reader);
        }
        try {
            if (ask(reader, insertion, [&] { return insertion->card().look(); })) return;
        } catch (const Error&) {
            return;  // not a JPKI card
        }
    }
}

// Those reported with a state that may have been wrong.
void SlotTable::look_again() {
    std::vector<Reader*> readers;
    {
        const Locked lock(*this);
        for (const auto& reader : readers_)
            if (unsettled(*reader) && (reader->told[0] || reader->told[1])) readers.push_back(reader.get());
    }
    for (Reader* reader : readers) look_at(*reader);
}

SlotView SlotTable::tell(std::size_t index, std::size_t nth_use, bool look) {
    Reader& reader = *readers_[index];
    const KeyUse use = variant_key_uses()[nth_use];
    const bool there = present(reader, use);
    if (look) {
        note_answers(reader);
        reader.told[index_of(use)] = there;
    }
    return {static_cast<CK_SLOT_ID>(index * variant_key_uses().size() + nth_use), reader.name, use, there};
}

std::vector<SlotView> SlotTable::view(bool look) {
    std::vector<Reader*> readers;
    {
        const Locked lock(*this);
        refresh_all();
        for (const auto& reader : readers_) readers.push_back(reader.get());
    }
    if (look)
        for (Reader* reader : readers) look_at(*reader);
    const Locked lock(*this);
    std::vector<SlotView> slots;
    for (std::size_t reader = 0; reader < readers_.size(); ++reader)
        for (std::size_t use = 0; use < variant_key_uses().size(); ++use) slots.push_back(tell(reader, use, look));
    return slots;
}

SlotView SlotTable::view(CK_SLOT_ID id, bool look) {
    Reader* reader = nullptr;
    {
        const Locked lock(*this);
        reader = &reader_of(id);
        refresh(*reader);
    }
    if (look) look_at(*reader);
    const Locked lock(*this);
    return tell(reader_index(id), id % variant_key_uses().size(), look);
}

}  // namespace jpki
