// SCardConnect with an end: pcscd lets it wait for another program's transaction for as long as that lasts, deaf to SCardCancel.
#pragma once

#include "apdu/pcsc_context.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace jpki {

// One SCardConnect (shared, T=0 or T=1) in a thread of its own, for hosts that allow threads. A caller who does not want to wait
// any longer leaves it going and comes back, or drops the object. A connection that comes when nobody waits for it ends at once.
// A module whose thread was left going is not unloaded any more.
class PcscConnecting {
public:
    // Begins. Throws std::system_error when there is no thread to be had.
    explicit PcscConnecting(const std::string& reader);
    ~PcscConnecting();
    PcscConnecting(const PcscConnecting&) = delete;
    PcscConnecting& operator=(const PcscConnecting&) = delete;

    // Waits for the end of the call, at most until `deadline`. False: it goes on.
    bool wait_until(std::chrono::steady_clock::time_point deadline);

    // After wait_until() was true, once: what the call returned, and the connection with its context if that is
    // SCARD_S_SUCCESS.
    struct Result {
        LONG rc = SCARD_E_NO_SERVICE;  // SCARD_E_TIMEOUT: the connection came when nobody waited
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
