// General purpose functions (PKCS#11 2.40, 5.4).
#include "module/boundary.hpp"
#include "module/caller_memory.hpp"

using namespace jpki;

namespace jpki {

namespace {

// C_Initialize's argument (PKCS#11 5.4). The module locks with the operating system's mutexes. It creates a thread in one case,
// to bound a connection that another program delays (PcscConnecting), and none if the caller forbids it.
void check_initialize_arguments(const CK_C_INITIALIZE_ARGS* arguments) {
    if (!arguments) return;
    require(arguments->pReserved == nullptr, CKR_ARGUMENTS_BAD);
    const int callbacks = (arguments->CreateMutex != nullptr) + (arguments->DestroyMutex != nullptr) +
                          (arguments->LockMutex != nullptr) + (arguments->UnlockMutex != nullptr);
    require(callbacks == 0 || callbacks == 4, CKR_ARGUMENTS_BAD);
    // A caller that allows only its own mutexes is refused: pcsc-lite and OpenSSL would not use them.
    require(callbacks == 0 || (arguments->flags & CKF_OS_LOCKING_OK), CKR_CANT_LOCK);
}

}  // namespace

CK_RV get_info(CK_INFO* info, CK_VERSION version) noexcept {
    return guarded([&] {
        Runtime::get();
        require(info != nullptr, CKR_ARGUMENTS_BAD);
        info->cryptokiVersion = version;
        put_blank_padded(info->manufacturerID, "jpki-pkcs11 project");
        info->flags = 0;
        put_blank_padded(info->libraryDescription, "JPKI (My Number Card)");
        info->libraryVersion = {JPKI_VERSION_MAJOR, JPKI_VERSION_MINOR};
    });
}

}  // namespace jpki

extern "C" {

CK_RV C_Initialize(void* arguments) {
    return guarded([&] {
        const auto* given = static_cast<const CK_C_INITIALIZE_ARGS*>(arguments);
        check_initialize_arguments(given);
        Runtime::initialize(!given || !(given->flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS));
    });
}

CK_RV C_Finalize(void* reserved) {
    return guarded([&] {
        require(reserved == nullptr, CKR_ARGUMENTS_BAD);
        Runtime::finalize();
    });
}

CK_RV C_GetInfo(CK_INFO* info) { return get_info(info, {2, 40}); }

}  // extern "C"
