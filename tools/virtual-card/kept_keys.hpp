// Private keys for tests, made once for a build directory: RSA keys are slow to make.
#pragma once

#include <functional>
#include <string>

typedef struct evp_pkey_st EVP_PKEY;

namespace jpki::model {

// The key in $JPKI_TEST_PKI_CACHE/keys/NAME.pem, or, where there is none, what `generate` makes, which is then kept there
// (mode 0600). Without that variable `generate` makes a key each time. Several processes may do this at once. The caller frees
// the key. What `generate` throws is passed on; a directory that cannot be written is ignored.
EVP_PKEY* kept_key(const std::string& name, const std::function<EVP_PKEY*()>& generate);

}  // namespace jpki::model
