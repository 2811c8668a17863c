// Slots: a reader has one for each role that the module shows. Which readers there are, whether a card is in them, and the
// insertion that belongs to it.
#pragma once

#include "apdu/pcsc_context.hpp"
#include "module/insertion.hpp"
#include "module/variant.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace jpki {

struct SlotView {
    CK_SLOT_ID id = 0;
    std::string reader;
    Role role = Role::authentication;
    bool card_present = false;  // a card that may be ours is there
};

// The table never shrinks while the library is initialised: a slot id keeps its meaning (module/README.md, slots). Its lock is not
// held over I/O with a card; asking pcscd for the state of a reader is answered from its memory.
class SlotTable {
public:
    explicit SlotTable(Services& services) : services_(services) {}

    // Asks PC/SC for readers that appeared: always with `again`, else only if that was never done. 0 commands.
    void discover(bool again);
    // 0 commands.
    std::vector<SlotView> view();
    // Throws CKR_SLOT_ID_INVALID. 0 commands.
    SlotView view(CK_SLOT_ID id);

    // The card in that slot's reader, connected and recognised (1 command when it is new). Throws CKR_SLOT_ID_INVALID,
    // CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED.
    // With `overview` what C_GetTokenInfo shows of all its tokens is asked in the same breath.
    std::shared_ptr<Insertion> insertion(CK_SLOT_ID id, bool overview = false);
    Role role_of(CK_SLOT_ID id);

    // False when the card is gone, even if it came back since. 0 commands.
    bool still_there(CK_SLOT_ID id, Insertion& insertion);

    // All insertions that are alive; for C_Finalize.
    std::vector<std::shared_ptr<Insertion>> insertions();

    // --- slot events (events.cpp) ---
    // C_WaitForSlotEvent. Throws CKR_NO_EVENT when not blocking, CKR_CRYPTOKI_NOT_INITIALIZED after stop_waiting().
    CK_SLOT_ID wait_for_event(bool block);
    void stop_waiting() noexcept;

private:
    struct Reader {
        std::string name;
        ReaderStatus status;
        std::shared_ptr<Insertion> insertion;
        std::uint16_t insertion_events = 0;
        bool foreign = false;  // found to be of another kind, in the stay that foreign_events names
        std::uint16_t foreign_events = 0;
        std::unique_ptr<std::mutex> connecting = std::make_unique<std::mutex>();  // held over I/O
        // What C_WaitForSlotEvent has reported: a stay is named by presence and counter.
        bool reported_present = false;
        std::uint16_t reported_events = 0;
        bool removal_reported = false;  // a removal that the reader's status does not show, or not yet
        std::vector<bool> pending;      // a slot each
    };

    std::size_t reader_index(CK_SLOT_ID id);
    void discover_locked();
    std::optional<std::vector<ReaderStatus>> ask(const std::vector<std::string>& names);
    void refresh(Reader& reader);
    void refresh_all();
    void apply(Reader& reader, const ReaderStatus& status);
    void lose_everything();
    bool may_be_ours(const Reader& reader) const noexcept;
    SlotView view_of(std::size_t reader, std::size_t nth_role) const;
    std::optional<CK_SLOT_ID> take_event();

    Services& services_;
    std::mutex mutex_;
    PcscContext context_;
    bool looked_ = false;      // for readers, whether or not there was a resource manager to ask
    bool discovered_ = false;
    std::vector<std::unique_ptr<Reader>> readers_;
    std::mutex waiting_mutex_;
    std::vector<PcscContext*> waiting_;
    bool stopped_ = false;
};

}  // namespace jpki
