// From C_Initialize to C_Finalize.
#pragma once

#include "module/reader_monitor.hpp"
#include "module/services.hpp"
#include "module/sessions.hpp"
#include "module/slots.hpp"

#include <memory>

namespace jpki {

class Runtime {
public:
    Runtime(OpenCards& cards, bool may_create_threads);

    // The runtime of this process. Throws CKR_CRYPTOKI_NOT_INITIALIZED, also in a child after fork: what the parent
    // initialised is the parent's (PKCS#11 5.4, C_Initialize in a child). A caller that holds the result may continue while
    // another thread finalises. Every call begins with it, so unused consents that have expired end here.
    static std::shared_ptr<Runtime> get();
    // Throw what C_Initialize and C_Finalize return.
    static void initialize(bool may_create_threads);
    static void finalize();

    // For the conversion of an exception at the boundary. NULL if not initialised.
    static std::shared_ptr<Runtime> get_if_there() noexcept;

    Services services;  // first: the others use it
    SlotTable slots{services};
    ReaderMonitor reader_monitor{slots};
    SessionTable sessions{services, slots};
};

}  // namespace jpki
