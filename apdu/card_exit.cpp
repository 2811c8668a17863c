// Card at the end of the process.
#include "apdu/card_operations.hpp"
#include "apdu/log_text.hpp"

#include <algorithm>

namespace jpki {

bool Card::reset_security_status_by(CardClock::time_point deadline) noexcept {
    if (!may_be_open()) return true;
    bool ended = false;
    const auto reset = [&]() noexcept { ended = reset_security_status_within(deadline); };
    // Who is inside ends the connection to a card that is gone.
    if (!connection_.locked_until(
            deadline, [this] { return !gone(); }, reset)) {
        if (gone()) return true;
        log_.error("cannot end the login at the card: another thread is using it");
    }
    return ended;
}

bool Card::reset_security_status_within(CardClock::time_point deadline) noexcept {
    connection_.assert_turn();
    if (!may_be_open()) return true;
    if (gone()) {
        connection_.give_up(presence());
        return true;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - CardClock::now());
    connection_.link().limit_patience(std::max(left, std::chrono::milliseconds(0)));
    try {
        reset_security_status_now();
        return true;
    } catch (const CardRemoved&) {
        connection_.give_up(Presence::removed);  // no card, no login
        return true;
    } catch (const std::exception& fault) {
        log_.error(LogText("cannot end the login at the card: ", fault.what()));
        return false;
    }
}

}  // namespace jpki
