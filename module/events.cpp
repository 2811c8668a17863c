// C_WaitForSlotEvent (PKCS#11 5.5): in the caller's thread, on a PC/SC context of its own.
#include "module/slots.hpp"

#include "module/slots_lock.hpp"

#include <algorithm>
#include <thread>

namespace jpki {

namespace {

// SCardCancel ends a wait at once, but only one that has begun; a wait that began a moment later ends by itself.
constexpr std::chrono::milliseconds wait_slice{500};

}  // namespace

std::optional<CK_SLOT_ID> SlotTable::take_event() {
    for (std::size_t reader = 0; reader < readers_.size(); ++reader)
        for (std::size_t use = 0; use < readers_[reader]->pending.size(); ++use)
            if (readers_[reader]->pending[use]) {
                readers_[reader]->pending[use] = false;
                return static_cast<CK_SLOT_ID>(reader * variant_key_uses().size() + use);
            }
    return std::nullopt;
}

CK_SLOT_ID SlotTable::wait_for_event(bool block) {
    PcscContext context;
    const auto enlist = [&] {
        const std::scoped_lock lock(waiting_mutex_);
        require(!stopped_, CKR_CRYPTOKI_NOT_INITIALIZED);
        context.open();
        waiting_.push_back(&context);
    };
    const auto leave = [&] {
        const std::scoped_lock lock(waiting_mutex_);
        waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &context), waiting_.end());
        return stopped_;
    };
    for (;;) {
        // A reader that was unplugged and plugged again between two looks is as before, counter and all.
        for (const auto& insertion : insertions()) insertion->card().check_connection();
        // A card that could not be asked when somebody wanted to know.
        look_again();
        std::vector<std::string> names;
        std::vector<DWORD> known;
        {
            const Locked lock(*this);
            const bool first_look = !looked_;
            const std::size_t before = readers_.size();
            discover_locked();
            refresh_all();
            // A reader that appears brings its slots with it: with a card in it that is news, unless nobody has looked before
            // ("when an application initially calls C_Initialize, every slot's event flag is cleared", 5.5).
            for (std::size_t i = first_look ? readers_.size() : before; i < readers_.size(); ++i)
                if (readers_[i]->status.card_present) std::fill(readers_[i]->pending.begin(), readers_[i]->pending.end(), true);
            if (const auto slot = take_event()) return *slot;
            for (const auto& reader : readers_)
                if (reader->status.exists) {
                    names.push_back(reader->name);
                    known.push_back(reader->status.raw);
                }
        }
        require(block, CKR_NO_EVENT);
        enlist();
        PcscContext::Wait outcome = PcscContext::Wait::lost;
        if (context.is_open()) outcome = context.wait(names, known, wait_slice);
        if (leave()) throw Error{CKR_CRYPTOKI_NOT_INITIALIZED};
        // Without a resource manager there is nothing to wait on but time.
        if (outcome == PcscContext::Wait::lost) {
            context.close();
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
}

void SlotTable::stop_waiting() noexcept {
    const std::scoped_lock lock(waiting_mutex_);
    stopped_ = true;
    for (PcscContext* context : waiting_) context->cancel();
}

}  // namespace jpki
