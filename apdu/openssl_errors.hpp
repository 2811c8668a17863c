// OpenSSL's error queue is per thread and belongs to the host.
#pragma once

#include <openssl/err.h>

namespace jpki {

// Whatever OpenSSL puts into this thread's error queue while it lives is removed again (ERR_set_mark(3)).
class OpensslErrors {
public:
    OpensslErrors() noexcept { ERR_set_mark(); }
    ~OpensslErrors() { ERR_pop_to_mark(); }
    OpensslErrors(const OpensslErrors&) = delete;
    OpensslErrors& operator=(const OpensslErrors&) = delete;
};

}  // namespace jpki
