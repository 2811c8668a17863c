// Exports of libpcsclite other than functions on contexts and handles.
#include <winscard.h>

#include <cstdio>

extern "C" {

const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

// pcsc-lite guarantees no text, and the buffer is one per thread: the number is enough.
const char* pcsc_stringify_error(const LONG code) {
    thread_local char text[40];
    std::snprintf(text, sizeof text, "PC/SC code 0x%08lX", static_cast<unsigned long>(code) & 0xFFFFFFFFUL);
    return text;
}

}  // extern "C"
