// Inside of SlotTable only: its lock.
#pragma once

#include "module/slots.hpp"

#include <utility>

namespace jpki {

class JPKI_THREAD_SAFETY(scoped_lockable) SlotTable::Locked {
public:
    // The analysis does not see that table_ is the table whose lock this declares to hold.
    explicit Locked(SlotTable& table) JPKI_ACQUIRE(table.mutex_) JPKI_NO_THREAD_SAFETY_ANALYSIS : table_(table) {
        table_.mutex_.lock();
    }
    ~Locked() JPKI_RELEASE() JPKI_NO_THREAD_SAFETY_ANALYSIS {
        const auto dropped = std::exchange(table_.dropped_, {});
        table_.mutex_.unlock();
        // Sessions may keep the insertion for as long as they are not used, and pcscd the connection with it.
        for (const auto& insertion : dropped) insertion->card().let_go();
    }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

private:
    SlotTable& table_;
};

}  // namespace jpki
