// C_WaitForSlotEvent (PKCS#11 5.5): waits for slot events in the caller's thread, on its own PC/SC context.
#pragma once

#include "apdu/pcsc_context.hpp"
#include "apdu/thread_safety.hpp"
#include "module/slots.hpp"

#include <vector>

namespace jpki {

// Thread-safe: each caller waits separately.
class ReaderMonitor {
public:
    explicit ReaderMonitor(SlotTable& slots) : slots_(slots) {}

    // The next slot with an event. Throws CKR_NO_EVENT if not blocking, CKR_CRYPTOKI_NOT_INITIALIZED after stop().
    CK_SLOT_ID wait(bool block) JPKI_EXCLUDES(mutex_);
    // Ends every wait; for C_Finalize.
    void stop() noexcept JPKI_EXCLUDES(mutex_);

private:
    void enlist(PcscContext& context) JPKI_EXCLUDES(mutex_);
    void leave(PcscContext& context) JPKI_EXCLUDES(mutex_);

    SlotTable& slots_;
    Mutex mutex_;  // never held while a context waits
    std::vector<PcscContext*> waiting_ JPKI_GUARDED_BY(mutex_);
    bool stopped_ JPKI_GUARDED_BY(mutex_) = false;
};

}  // namespace jpki
