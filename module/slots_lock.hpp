// Inside of SlotTable only: its lock.
#pragma once

#include "module/slots.hpp"

#include <utility>

namespace jpki {

class SlotTable::Locked {
public:
    explicit Locked(SlotTable& table) : table_(table) { table_.mutex_.lock(); }
    ~Locked() {
        const auto dropped = std::exchange(table_.dropped_, {});
        table_.mutex_.unlock();
    }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

private:
    SlotTable& table_;
};

}  // namespace jpki
