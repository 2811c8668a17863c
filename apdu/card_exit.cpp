// Card at the end of the process.
#include "apdu/card_scope.hpp"
#include "apdu/log_text.hpp"
#include "apdu/patience.hpp"

#include <algorithm>

namespace jpki {

bool Card::reset_security_status_by(std::chrono::steady_clock::time_point deadline) noexcept {
    if (!may_be_open()) return true;
    const auto turn = lock_until(mutex_, deadline);
    if (!turn) {
        log_.error("cannot end the login at the card: another thread is using it");
        return false;
    }
    if (!may_be_open()) return true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    link_->limit_patience(std::max(left, std::chrono::milliseconds(0)));
    try {
        reset_security_status_now();
        return true;
    } catch (const CardRemoved&) {
        give_up();  // no card, no login
        return true;
    } catch (const std::exception& fault) {
        log_.error(LogText("cannot end the login at the card: ", fault.what()));
        return false;
    }
}

}  // namespace jpki
