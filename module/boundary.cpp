#include "module/boundary.hpp"

#include "apdu/errors.hpp"
#include "module/error.hpp"

#include <new>

namespace jpki {

namespace {

void log_fault(const char* what) noexcept {
    if (const auto runtime = Runtime::get_if_there()) runtime->services.log.error(what);
}

}  // namespace

CK_RV code_of_current_exception() noexcept {
    try {
        throw;
    } catch (const Error& error) {
        return error.rv;
    } catch (const CardRemoved&) {
        return CKR_DEVICE_REMOVED;
    } catch (const CardBusy& fault) {
        log_fault(fault.what());
        return CKR_FUNCTION_FAILED;
    } catch (const CardFault& fault) {
        log_fault(fault.what());
        return CKR_DEVICE_ERROR;
    } catch (const std::bad_alloc&) {
        return CKR_HOST_MEMORY;
    } catch (const std::exception& fault) {
        log_fault(fault.what());
        return CKR_GENERAL_ERROR;
    } catch (...) {
        return CKR_GENERAL_ERROR;
    }
}

}  // namespace jpki
