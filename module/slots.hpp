// Slots: a reader has one for each key that the module shows. Which readers there are, whether a card is in them, and the
// insertion that belongs to it.
#pragma once

#include "apdu/pcsc_context.hpp"
#include "apdu/thread_safety.hpp"
#include "module/insertion.hpp"
#include "module/variant.hpp"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jpki {

struct SlotView {
    CK_SLOT_ID id = 0;
    std::string reader;
    KeyUse use = KeyUse::authentication;
    bool token_present = false;  // a JPKI card is there, and it is not known to lack this key
};

// The table never shrinks while the library is initialised: a slot id keeps its meaning (module/README.md, slots). Its lock is
// not held over I/O with a card, nor over the end of a connection; asking pcscd for the state of a reader is answered from its
// memory.
class SlotTable {
public:
    explicit SlotTable(Services& services) : services_(services) {}

    // Asks PC/SC for readers that appeared: always with `again`, else only if that was never done. 0 commands.
    void discover(bool again) JPKI_EXCLUDES(mutex_);
    // All slots. With `look` each card that is new is recognised first (at most 3 commands, once in its stay); a card that
    // cannot be asked now is not waited for: it counts as absent, and as an event when it turns out to be there. Else 0 commands.
    std::vector<SlotView> view(bool look) JPKI_EXCLUDES(mutex_);
    // The same for one slot. Throws CKR_SLOT_ID_INVALID.
    SlotView view(CK_SLOT_ID id, bool look) JPKI_EXCLUDES(mutex_);

    // The card in that slot's reader, recognised (1 command when it is new). Throws CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT,
    // CKR_TOKEN_NOT_RECOGNIZED. The connection to the card stays at least for as long as the caller keeps what is returned.
    // With `overview` what C_GetTokenInfo shows of all its tokens is asked in the same breath.
    std::shared_ptr<Insertion> insertion(CK_SLOT_ID id, bool overview = false) JPKI_EXCLUDES(mutex_);
    KeyUse use_of(CK_SLOT_ID id);

    // False when the card is gone, even if it came back since. 0 commands.
    bool still_there(CK_SLOT_ID id, Insertion& insertion) JPKI_EXCLUDES(mutex_);

    // All insertions that are alive; for C_Finalize.
    std::vector<std::shared_ptr<Insertion>> insertions() JPKI_EXCLUDES(mutex_);

    // --- for ReaderMonitor ---
    // The readers that there are and what was last seen of each, to wait for a change of.
    struct Seen {
        std::vector<std::string> names;
        std::vector<DWORD> states;
    };
    // A slot of which something is to be reported (C_WaitForSlotEvent), which is reported with that; else no value and `seen`.
    std::optional<CK_SLOT_ID> next_event(Seen& seen) JPKI_EXCLUDES(mutex_);

private:
    struct Reader {
        std::string name;
        ReaderStatus status;
        std::shared_ptr<Insertion> insertion;  // of this stay; made before anything is asked of the card
        // What is known of the card of this stay, also after a connection to it was given up. A stay is named by its counter.
        std::uint16_t stay = 0;
        bool foreign = false;  // of another kind
        int odd_answers = 0;   // that ended a connection before the card was recognised
        // What the last list or slot information said of each key in this stay.
        std::array<std::optional<bool>, 2> told{};
        // What C_WaitForSlotEvent has reported: a stay is named by presence and counter.
        bool reported_present = false;
        std::uint16_t reported_events = 0;
        bool removal_reported = false;  // a removal that the reader's status does not show, or not yet
        std::vector<bool> pending;      // a slot each
    };

    // The table's lock. What was dropped under it (insertions, whose end is I/O) goes when it is free again.
    class Locked;

    // I/O with a card: the lock is taken for moments in between only.
    bool ask(Reader& reader, const std::shared_ptr<Insertion>& insertion, const std::function<std::optional<bool>()>& question)
        JPKI_EXCLUDES(mutex_);
    void look_at(Reader& reader) JPKI_EXCLUDES(mutex_);
    void look_again() JPKI_EXCLUDES(mutex_);

    std::size_t reader_index(CK_SLOT_ID id) JPKI_REQUIRES(mutex_);
    Reader& reader_of(CK_SLOT_ID id) JPKI_REQUIRES(mutex_);
    void begin_stay(Reader& reader, std::uint16_t events) JPKI_REQUIRES(mutex_);
    void drop(std::shared_ptr<Insertion>& insertion) JPKI_REQUIRES(mutex_);
    std::shared_ptr<Insertion> insertion_in(Reader& reader) JPKI_REQUIRES(mutex_);
    bool present(const Reader& reader, KeyUse use) const noexcept JPKI_REQUIRES(mutex_);
    bool unsettled(const Reader& reader) const noexcept JPKI_REQUIRES(mutex_);
    void note_answers(Reader& reader) JPKI_REQUIRES(mutex_);
    SlotView tell(std::size_t reader, std::size_t nth_use, bool look) JPKI_REQUIRES(mutex_);
    void discover_locked() JPKI_REQUIRES(mutex_);
    bool knows(const std::string& name) const JPKI_REQUIRES(mutex_);
    void note_refusal() JPKI_REQUIRES(mutex_);
    std::optional<std::vector<ReaderStatus>> status_of(const std::vector<std::string>& names) JPKI_REQUIRES(mutex_);
    void refresh(Reader& reader) JPKI_REQUIRES(mutex_);
    void refresh_all() JPKI_REQUIRES(mutex_);
    void apply(Reader& reader, const ReaderStatus& status) JPKI_REQUIRES(mutex_);
    void lose_everything() JPKI_REQUIRES(mutex_);
    bool may_be_ours(const Reader& reader) const noexcept JPKI_REQUIRES(mutex_);
    std::optional<CK_SLOT_ID> take_event() JPKI_REQUIRES(mutex_);

    Services& services_;
    Mutex mutex_;
    std::vector<std::shared_ptr<Insertion>> dropped_ JPKI_GUARDED_BY(mutex_);
    PcscContext context_ JPKI_GUARDED_BY(mutex_);
    bool looked_ JPKI_GUARDED_BY(mutex_) = false;  // for readers, whether or not there was a resource manager to ask
    bool discovered_ JPKI_GUARDED_BY(mutex_) = false;
    bool refusal_noted_ JPKI_GUARDED_BY(mutex_) = false;
    std::vector<std::unique_ptr<Reader>> readers_ JPKI_GUARDED_BY(mutex_);
};

}  // namespace jpki
