// Hashes in software (PKCS#11 2.40, 5.10): right for any split into parts, and without a command.
#include "fixture.hpp"

#include <openssl/evp.h>

using namespace jpki::test;

namespace {

Bytes openssl_digest(const EVP_MD* md, const Bytes& data) {
    Bytes digest(static_cast<std::size_t>(EVP_MD_get_size(md)));
    BOOST_REQUIRE_EQUAL(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, md, nullptr), 1);
    return digest;
}

struct Hashing : Fixture {
    CK_SESSION_HANDLE session = open(auth_slot);
    CK_MECHANISM mechanism = {CKM_SHA256, nullptr, 0};
    Bytes hash = Bytes(64);
    CK_ULONG length = 64;
    Bytes text = {'t', 'e', 'x', 't'};

    CK_RV init() { return C_DigestInit(session, &mechanism); }
    CK_RV one_part() { return C_Digest(session, text.data(), text.size(), hash.data(), &(length = 64)); }
    CK_RV update() { return C_DigestUpdate(session, text.data(), text.size()); }
    CK_RV final() { return C_DigestFinal(session, hash.data(), &(length = 64)); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(digest)

BOOST_AUTO_TEST_CASE(each_digest_equals_openssls_in_one_part_and_in_many) {
    Hashing h;
    const std::pair<CK_MECHANISM_TYPE, const EVP_MD*> hashes[] = {
        {CKM_SHA256, EVP_sha256()}, {CKM_SHA384, EVP_sha384()}, {CKM_SHA512, EVP_sha512()}};
    h.card->reset_counts();
    for (const auto& [type, md] : hashes)
        for (const std::size_t size : {0u, 1u, 63u, 64u, 128u, 5000u}) {
            h.mechanism.mechanism = type;
            h.text.assign(size, 0xA5);
            const Bytes right = openssl_digest(md, h.text);
            CHECK_RV(h.init(), CKR_OK);
            CHECK_RV(h.one_part(), CKR_OK);
            BOOST_CHECK(Bytes(h.hash.begin(), h.hash.begin() + static_cast<std::ptrdiff_t>(h.length)) == right);
            CHECK_RV(h.init(), CKR_OK);
            for (std::size_t at = 0; at < size; at += 100)
                CHECK_RV(C_DigestUpdate(h.session, h.text.data() + at, std::min<std::size_t>(100, size - at)), CKR_OK);
            CHECK_RV(h.final(), CKR_OK);
            BOOST_CHECK(Bytes(h.hash.begin(), h.hash.begin() + static_cast<std::ptrdiff_t>(h.length)) == right);
        }
    BOOST_CHECK_EQUAL(h.card->counts().commands, 0u);
}

BOOST_AUTO_TEST_CASE(asking_for_the_length_and_too_small_buffer_hash_nothing) {
    Hashing h;
    const Bytes right = openssl_digest(EVP_sha256(), h.text);
    const auto ask = [&](CK_ULONG room) {
        return C_Digest(h.session, h.text.data(), h.text.size(), h.hash.data(), &(h.length = room));
    };
    CHECK_RV(h.init(), CKR_OK);
    CHECK_RV(C_Digest(h.session, h.text.data(), h.text.size(), nullptr, &h.length), CKR_OK);
    BOOST_CHECK_EQUAL(h.length, right.size());
    CHECK_RV(ask(right.size() - 1), CKR_BUFFER_TOO_SMALL);
    BOOST_CHECK_EQUAL(h.length, right.size());
    CHECK_RV(ask(right.size()), CKR_OK);
    h.hash.resize(right.size());
    BOOST_CHECK(h.hash == right);
}

BOOST_AUTO_TEST_CASE(operation_begins_once_and_ends_with_its_result_error_or_cancel) {
    Hashing h;
    CHECK_RV(h.one_part(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(h.update(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(h.final(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(h.init(), CKR_OK);
    CHECK_RV(h.init(), CKR_OPERATION_ACTIVE);
    CHECK_RV(h.one_part(), CKR_OK);
    CHECK_RV(h.one_part(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(h.init(), CKR_OK);
    CHECK_RV(h.update(), CKR_OK);
    CHECK_RV(h.one_part(), CKR_OPERATION_NOT_INITIALIZED);  // C_DigestUpdate and C_Digest do not mix; an error ends the operation
    CHECK_RV(h.final(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(h.init(), CKR_OK);
    CHECK_RV(C_DigestUpdate(h.session, nullptr, 1), CKR_ARGUMENTS_BAD);
    CHECK_RV(h.final(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(h.init(), CKR_OK);
    CHECK_RV(C_DigestInit(h.session, nullptr), CKR_OK);
    CHECK_RV(h.final(), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_RV(h.init(), CKR_OK);
    CHECK_RV(C_SessionCancel(h.session, CKF_DIGEST), CKR_OK);
    CHECK_RV(h.final(), CKR_OPERATION_NOT_INITIALIZED);
    unsigned char parameter = 0;
    h.mechanism = {CKM_SHA256, &parameter, 1};
    CHECK_RV(h.init(), CKR_MECHANISM_PARAM_INVALID);
}

BOOST_AUTO_TEST_CASE(hash_and_signature_of_one_session_do_not_disturb_each_other) {
    Hashing h;
    REQUIRE_OK(h.login(h.session, "1234"));
    CHECK_RV(h.init(), CKR_OK);
    CHECK_RV(h.update(), CKR_OK);
    const Bytes signature = signed_by(h.session, find_key(h.session), CKM_SHA256_RSA_PKCS, h.text);
    BOOST_CHECK(openssl_verifies(h.card->pki().authentication_certificate, CKM_SHA256_RSA_PKCS, h.text, signature));
    CHECK_RV(h.final(), CKR_OK);
    BOOST_CHECK(Bytes(h.hash.begin(), h.hash.begin() + 32) == openssl_digest(EVP_sha256(), h.text));
}

BOOST_AUTO_TEST_CASE(key_of_card_is_not_hashed) {
    Hashing h;
    REQUIRE_OK(h.login(h.session, "1234"));
    for (const auto& [object, code] : {std::pair{find_key(h.session), CKR_KEY_INDIGESTIBLE},
                                       {find_class(h.session, CKO_CERTIFICATE).at(0), CKR_KEY_HANDLE_INVALID},
                                       {CK_OBJECT_HANDLE{0}, CKR_KEY_HANDLE_INVALID}}) {
        CHECK_RV(h.init(), CKR_OK);
        CHECK_RV(C_DigestKey(h.session, object), code);
        CHECK_RV(h.final(), CKR_OPERATION_NOT_INITIALIZED);
    }
}

BOOST_AUTO_TEST_SUITE_END()
