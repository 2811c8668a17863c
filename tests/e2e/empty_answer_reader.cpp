// empty_answer_reader: a reader driver for pcscd that behaves as some readers do with a storage card: success, and no byte.
// vpcd cannot transport such an answer, so the virtual card sends one byte 00 instead (virtual_card.cpp), and this driver,
// which passes everything to vpcd's driver, turns it back into an empty answer.
// vpcd's driver is $JPKI_RUN_DIR/libifdvpcd.so (private-pcscd). The interface is that of ifdhandler.h 3.0.
#include <cstdlib>
#include <dlfcn.h>
#include <string>
extern "C" {
#include <ifdhandler.h>  // has no declarations for C++
}

namespace {

// The function of this name in vpcd's driver; nullptr if it has none, which pcscd logs as a failed call.
template <typename Function> Function* in_vpcd(Function*, const char* name) {
    static void* const driver = [] {
        const char* directory = std::getenv("JPKI_RUN_DIR");
        return directory ? dlopen((std::string(directory) + "/libifdvpcd.so").c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
    }();
    return driver ? reinterpret_cast<Function*>(dlsym(driver, name)) : nullptr;
}

}  // namespace

#define FORWARD(function, ...)                       \
    const auto real = in_vpcd(&function, #function); \
    return real ? real(__VA_ARGS__) : IFD_COMMUNICATION_ERROR

extern "C" {

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR name) { FORWARD(IFDHCreateChannelByName, lun, name); }
RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel) { FORWARD(IFDHCreateChannel, lun, channel); }
RESPONSECODE IFDHCloseChannel(DWORD lun) { FORWARD(IFDHCloseChannel, lun); }
RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value) {
    FORWARD(IFDHGetCapabilities, lun, tag, length, value);
}
RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value) {
    FORWARD(IFDHSetCapabilities, lun, tag, length, value);
}
RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3) {
    FORWARD(IFDHSetProtocolParameters, lun, protocol, flags, pts1, pts2, pts3);
}
RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD atr_length) {
    FORWARD(IFDHPowerICC, lun, action, atr, atr_length);
}
RESPONSECODE IFDHICCPresence(DWORD lun) { FORWARD(IFDHICCPresence, lun); }
RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR sent, DWORD sent_length, PUCHAR received, DWORD received_length,
                         LPDWORD returned) {
    FORWARD(IFDHControl, lun, code, sent, sent_length, received, received_length, returned);
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send_pci, PUCHAR sent, DWORD sent_length, PUCHAR received,
                               PDWORD received_length, PSCARD_IO_HEADER receive_pci) {
    const auto real = in_vpcd(&IFDHTransmitToICC, "IFDHTransmitToICC");
    if (!real) return IFD_COMMUNICATION_ERROR;
    const RESPONSECODE rc = real(lun, send_pci, sent, sent_length, received, received_length, receive_pci);
    if (rc == IFD_SUCCESS && *received_length == 1 && received[0] == 0x00) *received_length = 0;
    return rc;
}

}  // extern "C"
