// The system's PKCS#11 header, with every entry point exported, and the additions of version 3.0 if
// that header is older (p11-kit 0.24 has 2.40 only).
#pragma once

#pragma GCC visibility push(default)
#include <p11-kit/pkcs11.h>
#if CRYPTOKI_VERSION_MAJOR < 3
#include "module/pkcs11_v3.hpp"
#endif
#pragma GCC visibility pop
#ifndef CKA_UNIQUE_ID  // 3.0; not every 3.0 header has it
#define CKA_UNIQUE_ID (0x4UL)
#endif
