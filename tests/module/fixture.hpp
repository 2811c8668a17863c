// A module under test: readers and cards behind a fake of SCard*, and short forms of the C ABI.
#pragma once

#include "module/pkcs11.hpp"

#include "card_model.hpp"
#include "fake_pcsc.hpp"
#include "test_pki.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <vector>

namespace jpki::test {

using model::Bytes;
using model::CardModel;
using model::Knobs;
using model::TestPki;

inline const std::string reader_name = "Fake Reader 00 00";
inline const std::string auth_pin = "1234";
inline const std::string sign_pin = "ABC123";
inline constexpr CK_SLOT_ID auth_slot = 0;  // of the first reader, in the module with both keys
inline constexpr CK_SLOT_ID sign_slot = 1;

// The name of a CK_RV, so that a failed check prints more than a number.
std::string rv_name(CK_RV rv);
#define CHECK_RV(call, expected) BOOST_CHECK_EQUAL(::jpki::test::rv_name(call), ::jpki::test::rv_name(expected))
#define REQUIRE_RV(call, expected) BOOST_REQUIRE_EQUAL(::jpki::test::rv_name(call), ::jpki::test::rv_name(expected))
#define REQUIRE_OK(call) REQUIRE_RV(call, CKR_OK)

// Settings, as from a file, for the C_Initialize calls during its lifetime. The settings of the user who runs the
// tests are never read: without one of these the module finds an empty file.
class SettingsFile {
public:
    explicit SettingsFile(const std::string& toml);
    ~SettingsFile();

private:
    std::string path_;
};

// One reader with one card, and the library initialised. Finalised at the end, when nothing may be open.
class Fixture {
public:
    explicit Fixture(Knobs knobs = {}, std::shared_ptr<const TestPki> pki = TestPki::shared());
    Fixture(const std::string& settings, Knobs knobs = {}, std::shared_ptr<const TestPki> pki = TestPki::shared());
    ~Fixture();
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    std::shared_ptr<CardModel> card;

    CK_SESSION_HANDLE open(CK_SLOT_ID slot, CK_FLAGS flags = 0);  // CKF_SERIAL_SESSION is added
    CK_RV login(CK_SESSION_HANDLE session, const std::string& pin, CK_USER_TYPE user = CKU_USER);
    CK_SESSION_HANDLE open_logged_in(CK_SLOT_ID slot, CK_FLAGS flags = 0);  // with the card's own PIN
    CK_STATE state(CK_SESSION_HANDLE session);

private:
    std::unique_ptr<SettingsFile> settings_;
};

// What C_GetTokenInfo shows as the token's serial number.
std::string token_serial(CK_SLOT_ID slot);

// Objects.
std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted = {});
std::vector<CK_OBJECT_HANDLE> find_class(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class);
CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session);  // the private key, as OpenSSH finds it: CLASS, ID, SIGN
Bytes attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
// Every attribute that the module has for that object: size first, then value.
std::vector<std::pair<CK_ATTRIBUTE_TYPE, Bytes>> all_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);

// Signatures.
CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism, const Bytes& data, Bytes& signature);
Bytes signed_by(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism, const Bytes& data);
Bytes digest_info_sha256(const Bytes& data);  // made by hand, independent of the module
// OpenSSL's verification with the certificate in DER. For CKM_RSA_PKCS `data` is the padded input.
bool openssl_verifies(const Bytes& certificate, CK_MECHANISM_TYPE mechanism, const Bytes& data, const Bytes& signature);
CK_MECHANISM pss_mechanism(CK_MECHANISM_TYPE type);  // with the card's parameters

}  // namespace jpki::test
