#include "apdu/bytes.hpp"

#include <openssl/crypto.h>

namespace jpki {

void wipe(void* memory, std::size_t size) noexcept { OPENSSL_cleanse(memory, size); }

}  // namespace jpki
