// main() of every test program. A file of its own, so that the test files can share a precompiled header: this macro must come
// first.
#define BOOST_TEST_MODULE jpki_pkcs11
#include <boost/test/unit_test.hpp>
