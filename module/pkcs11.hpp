// The PKCS#11 header that the system has, with every entry point visible to the outside, and what version 3.0 adds where
// that header is older (p11-kit 0.24 stops at 2.40).
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
