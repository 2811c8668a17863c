// Which libcrypto the dynamic linker has bound to this module.
#pragma once

#include <optional>
#include <string>

namespace jpki {

// A host that exports its own libcrypto (Node.js 16 has 1.1.1 inside, others BoringSSL) has its functions bound instead
// of those of libcrypto.so.3, in this module and in libcrypto.so.3 itself: the linker takes the first symbol of a name, and one
// without a version satisfies every requested version. Returns the fault of the bound functions, for the log; no value
// if all are of one libcrypto of version 3. Calls only those functions of OpenSSL that return its version.
std::optional<std::string> openssl_trouble();

}  // namespace jpki
