// SCardConnect with a time limit: pcscd lets it wait for another program's transaction without one, and SCardCancel does not end
// it.
#pragma once

#include "apdu/card_clock.hpp"
#include "apdu/pcsc_context.hpp"

#include <memory>
#include <string>
#include <thread>

namespace jpki {

// One SCardConnect (shared, T=0 or T=1) in its own thread, for hosts that allow threads. A caller that does not want to wait
// any longer leaves it running and comes back, or drops the object. A connection without a waiting caller ends at once.
// A module with such a thread still running is not unloaded any more.
class PcscConnecting {
public:
    // Begins. Throws std::system_error if no thread can be created.
    explicit PcscConnecting(const std::string& reader);
    ~PcscConnecting();
    PcscConnecting(const PcscConnecting&) = delete;
    PcscConnecting& operator=(const PcscConnecting&) = delete;

    // Waits for the end of the call, at most until `deadline`. False: it is still running.
    bool wait_until(CardClock::time_point deadline);

    // No caller waits any longer, until the next wait_until(): a connection made in between is ended at once. True: the call has
    // ended by now, as if wait_until() had returned true.
    bool stop_waiting();

    // After wait_until() or stop_waiting() returned true, once: the result of the call, and the connection with its context if
    // that is SCARD_S_SUCCESS.
    struct Result {
        LONG rc = SCARD_E_NO_SERVICE;  // SCARD_E_TIMEOUT: the connection came without a waiting caller
        PcscContext context;
        SCARDHANDLE card = 0;
        DWORD protocol = 0;
    };
    Result take();

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
    std::thread thread_;
};

}  // namespace jpki
