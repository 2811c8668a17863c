// Makes the cards' keys and certificates that nearly all tests share, into $JPKI_TEST_PKI_CACHE, for a build to do before the
// tests run. What is there and still valid is kept.
#include "test_pki.hpp"

#include <cstdio>
#include <exception>

int main() {
    try {
        for (const unsigned which : {0u, 1u}) jpki::model::TestPki::shared(which);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "make_test_pki: %s\n", error.what());
        return 1;
    }
}
