// OpenSSL's error queue is per thread and belongs to the host.
#pragma once

#include <openssl/err.h>

namespace jpki {

// Removes whatever OpenSSL adds to this thread's error queue during its lifetime (ERR_set_mark(3)).
class OpensslErrors {
public:
    OpensslErrors() noexcept { ERR_set_mark(); }
    ~OpensslErrors() { ERR_pop_to_mark(); }
    OpensslErrors(const OpensslErrors&) = delete;
    OpensslErrors& operator=(const OpensslErrors&) = delete;
};

}  // namespace jpki
