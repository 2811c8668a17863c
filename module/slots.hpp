// Slots: a reader has one for each key that the module shows. The table has the readers, whether a card is in them, and its
// insertion.
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
    bool token_present = false;  // a JPKI card is present, and it is not known to lack this key
};

// The table never shrinks while the library is initialised: a slot id keeps its meaning (module/README.md, slots). Its lock is
// not held over I/O with a card, nor over the end of a connection; pcscd returns the state of a reader from its
// memory.
class SlotTable {
public:
    explicit SlotTable(Services& services) : services_(services) {}

    // Asks PC/SC for new readers: always with `again`, else only if that was never done. 0 commands.
    void discover(bool again) JPKI_EXCLUDES(mutex_);
    // All slots. With `look` each new card is recognised first (at most 3 commands, once per insertion); a card that
    // cannot be reached now is not waited for: it counts as absent, and as an event once it is recognised. Else 0 commands.
    std::vector<SlotView> view(bool look) JPKI_EXCLUDES(mutex_);
    // The same for one slot. Throws CKR_SLOT_ID_INVALID.
    SlotView view(CK_SLOT_ID id, bool look) JPKI_EXCLUDES(mutex_);

    // The card in that slot's reader, recognised (1 command when it is new). Throws CKR_SLOT_ID_INVALID,
    // CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_PRESENT (also if the card is known not to have the slot's key). The connection to
    // the card stays at least while the caller keeps the result. With `overview`, the same transaction reads what C_GetTokenInfo
    // shows of all its tokens.
    std::shared_ptr<Insertion> insertion(CK_SLOT_ID id, bool overview = false) JPKI_EXCLUDES(mutex_);
    KeyUse use_of(CK_SLOT_ID id);

    // False if the card was removed, even if it was inserted again since. 0 commands.
    bool still_there(CK_SLOT_ID id, Insertion& insertion) JPKI_EXCLUDES(mutex_);

    // All existing insertions; for C_Finalize.
    std::vector<std::shared_ptr<Insertion>> insertions() JPKI_EXCLUDES(mutex_);

    // --- for ReaderMonitor ---
    // The readers with the last known state of each, to wait for a change.
    struct Seen {
        std::vector<std::string> names;
        std::vector<DWORD> states;
    };
    // A slot with an unreported event (C_WaitForSlotEvent), which counts as reported then; else no value and `seen`.
    std::optional<CK_SLOT_ID> next_event(Seen& seen) JPKI_EXCLUDES(mutex_);

private:
    struct Reader {
        std::string name;
        ReaderStatus status;
        std::shared_ptr<Insertion> insertion;  // of this insertion; made before any command to the card
        // What is known of the card of this insertion, also after its connection was closed. The counter names an insertion.
        std::uint16_t stay = 0;
        bool foreign = false;     // not a JPKI card
        bool known_ours = false;  // recognised once in this insertion
        int odd_answers = 0;      // in a row, that ended a connection before the card was recognised in it
        // What the last list or slot information reported for each key in this insertion.
        std::array<std::optional<bool>, 2> told{};
        // What C_WaitForSlotEvent has reported: presence and counter name an insertion.
        bool reported_present = false;
        std::uint16_t reported_events = 0;
        bool removal_reported = false;  // a removal that the reader's status does not show, or not yet
        std::vector<bool> pending;      // a slot each
    };

    // The table's lock. Objects dropped under it (insertions, whose end is I/O) are destroyed after it is unlocked.
    class Locked;

    // I/O with a card: the lock is taken only briefly in between.
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
    bool looked_ JPKI_GUARDED_BY(mutex_) = false;  // for readers, with or without a resource manager
    bool discovered_ JPKI_GUARDED_BY(mutex_) = false;
    bool refusal_noted_ JPKI_GUARDED_BY(mutex_) = false;
    std::vector<std::unique_ptr<Reader>> readers_ JPKI_GUARDED_BY(mutex_);
};

}  // namespace jpki
