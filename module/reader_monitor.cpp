#include "module/reader_monitor.hpp"

#include "module/error.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace jpki {

namespace {

// SCardCancel ends a wait at once, but only one that has begun; a wait that began just later times out.
constexpr std::chrono::milliseconds wait_slice{500};

}  // namespace

// stop() ends every wait that is listed from here on.
void ReaderMonitor::enlist(PcscContext& context) {
    const MutexLock lock(mutex_);
    require(!stopped_, CKR_CRYPTOKI_NOT_INITIALIZED);
    context.open();
    waiting_.push_back(&context);
}

void ReaderMonitor::leave(PcscContext& context) {
    const MutexLock lock(mutex_);
    waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &context), waiting_.end());
    require(!stopped_, CKR_CRYPTOKI_NOT_INITIALIZED);
}

CK_SLOT_ID ReaderMonitor::wait(bool block) {
    PcscContext context;
    for (;;) {
        SlotTable::Seen seen;
        if (const auto slot = slots_.next_event(seen)) return *slot;
        require(block, CKR_NO_EVENT);
        enlist(context);
        PcscContext::Wait outcome = PcscContext::Wait::lost;
        if (context.is_open()) outcome = context.wait(seen.names, seen.states, wait_slice);
        leave(context);
        // Without a resource manager only time can be waited for.
        if (outcome == PcscContext::Wait::lost) {
            context.close();
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
}

void ReaderMonitor::stop() noexcept {
    const MutexLock lock(mutex_);
    stopped_ = true;
    for (PcscContext* context : waiting_) context->cancel();
}

}  // namespace jpki
