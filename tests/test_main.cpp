// main() of every test program. A file of its own, so that the test files can share a precompiled header: this macro must come
// first.
#define BOOST_TEST_MODULE jpki_pkcs11
#include <boost/test/unit_test.hpp>

#include <openssl/opensslv.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) && OPENSSL_VERSION_PREREQ(3, 1)
// ThreadSanitizer asks for this. Newer releases of libcrypto look algorithms up without a lock (crypto/hashtable), through atomic
// pointers that ThreadSanitizer does not see, since libcrypto is not built with it: it reports races in every fetch of two
// threads. Seen with 3.5. With 3.0, of Debian 12, races that go through libcrypto are reported.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier): ThreadSanitizer's name
extern "C" const char* __tsan_default_suppressions() { return "race:libcrypto.so\n"; }
#endif
#endif
