// Sessions: each belongs to one key of one insertion, and ends with it.
#pragma once

#include "apdu/thread_safety.hpp"
#include "module/operations.hpp"
#include "module/slots.hpp"

#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace jpki {

// The active operations of a session.
struct Operations {
    std::optional<Search> search;
    std::unique_ptr<DigestOperation> digest;
    std::unique_ptr<SignOperation> sign;
    std::unique_ptr<VerifyOperation> verify;
};

class Session {
public:
    Session(CK_SESSION_HANDLE handle_, CK_SLOT_ID slot_, CK_FLAGS flags_, std::shared_ptr<Insertion> insertion_, KeyUse use)
        : handle(handle_), slot(slot_), flags(flags_), insertion(std::move(insertion_)), token(insertion->token(use)) {}

    const CK_SESSION_HANDLE handle;
    const CK_SLOT_ID slot;
    const CK_FLAGS flags;
    const std::shared_ptr<Insertion> insertion;  // declared before the operations: they end first
    Token& token;

    bool read_write() const noexcept { return flags & CKF_RW_SESSION; }
    CK_STATE state() const noexcept;

    Mutex mutex;  // may be held over I/O with the card
    Operations operations JPKI_GUARDED_BY(mutex);
};

// Thread-safe. Its lock is never held over I/O: functions that end sessions or use a card exclude it.
class SessionTable {
public:
    SessionTable(Services& services, SlotTable& slots) : services_(services), slots_(slots) {}

    // Throws the CK_RV of C_OpenSession.
    CK_SESSION_HANDLE open(CK_SLOT_ID slot, CK_FLAGS flags) JPKI_EXCLUDES(mutex_);
    // Throws CKR_SESSION_HANDLE_INVALID, also for a session whose card was removed. 0 commands.
    std::shared_ptr<Session> get(CK_SESSION_HANDLE handle) JPKI_EXCLUDES(mutex_);
    // Closing the last session of a token logs out (PKCS#11 5.6). The sessions are closed with any answer of the card (Token,
    // login).
    void close(CK_SESSION_HANDLE handle) JPKI_EXCLUDES(mutex_);
    void close_all(CK_SLOT_ID slot) JPKI_EXCLUDES(mutex_);
    void close_everything() JPKI_EXCLUDES(mutex_);
    // Logs out if no session of this one's token is left in the table; returns whether it did.
    bool logout_if_unused(Session& session) JPKI_EXCLUDES(mutex_);
    // Ends consents that are older than Token::consent_age_max; for the start of every call. 0 commands if there are none.
    void end_old_consents() JPKI_EXCLUDES(mutex_);

    struct Counts {
        CK_ULONG all = 0, read_write = 0;
    };
    Counts count(CK_SLOT_ID slot) JPKI_EXCLUDES(mutex_);

private:
    std::vector<std::shared_ptr<Session>> take_out(const std::function<bool(const Session&)>& wanted) JPKI_EXCLUDES(mutex_);
    // I/O: the last session of an insertion ends the connection to the card, the last one of a token its login.
    void finish(std::vector<std::shared_ptr<Session>> closed) JPKI_EXCLUDES(mutex_);

    Services& services_;
    SlotTable& slots_;
    Mutex mutex_;
    std::map<CK_SESSION_HANDLE, std::shared_ptr<Session>> sessions_ JPKI_GUARDED_BY(mutex_);
};

}  // namespace jpki
