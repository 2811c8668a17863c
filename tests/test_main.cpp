// main() of every test program. Apart, so that the test files can share a precompiled header: this macro must come first.
#define BOOST_TEST_MODULE jpki_pkcs11
#include <boost/test/unit_test.hpp>
