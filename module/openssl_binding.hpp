// Which libcrypto the loader has bound this module to.
#pragma once

#include <optional>
#include <string>

namespace jpki {

// A host that exports a libcrypto of its own (Node.js 16 has 1.1.1 inside, others BoringSSL) has its functions bound in place
// of those of libcrypto.so.3, in this module and in libcrypto.so.3 itself: the loader takes the first symbol of a name, and one
// without a version fits every version that is asked for. What is wrong with the functions that are bound, for the log; no value
// when all are of one libcrypto of version 3. Calls nothing of OpenSSL but the functions that name its version.
std::optional<std::string> openssl_trouble();

}  // namespace jpki
