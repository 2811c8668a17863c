// Readers with a PIN pad (PC/SC part 10): the PIN never passes through the computer.
#include "log_file.hpp"
#include "pin_fixture.hpp"

using namespace jpki::test;
using fake::PinEntry;
using fake::PinPadRequest;

namespace {

// The pad is present before the module looks for it.
struct Padded : Fixture {
    explicit Padded(const std::string& settings = "", fake::PinPad pad = {}, Knobs knobs = {})
        : Fixture(settings, std::move(knobs)) {
        fake::give_pad(reader_name, std::move(pad));
    }
    CK_RV pad_login(CK_SESSION_HANDLE session, CK_USER_TYPE user = CKU_USER) { return C_Login(session, user, nullptr, 0); }
    CK_RV pad_change(CK_SESSION_HANDLE session) { return C_SetPIN(session, nullptr, 0, nullptr, 0); }
};

const std::string letters = "[pin]\npinpad_letters = true\n";
const fake::PinPad pad_with_letters{true, true, true, {}};
bool protected_path(CK_SLOT_ID slot) { return (token_flags(slot) & CKF_PROTECTED_AUTHENTICATION_PATH) != 0; }

}  // namespace

BOOST_AUTO_TEST_SUITE(pin_pad)

BOOST_AUTO_TEST_CASE(protected_path_flag_is_set_if_pin_pad_takes_pin_of_token) {
    {
        Fixture f;
        BOOST_CHECK(!protected_path(auth_slot));
    }
    {
        Padded f;
        BOOST_CHECK(protected_path(auth_slot));
        BOOST_CHECK(!protected_path(sign_slot));  // letters
    }
    {
        Padded f(letters, pad_with_letters);
        BOOST_CHECK(protected_path(auth_slot));
        BOOST_CHECK(protected_path(sign_slot));
    }
    {
        Padded f("[pin]\npinpad = false\npinpad_letters = true\n", pad_with_letters);
        BOOST_CHECK(!protected_path(auth_slot));
        BOOST_CHECK(!protected_path(sign_slot));
        CHECK_RV(f.pad_login(f.open(auth_slot)), CKR_ARGUMENTS_BAD);
        BOOST_CHECK(fake::pad_requests(reader_name).empty());
    }
    {
        Padded f("", {false, true, false, {}});
        BOOST_CHECK(!protected_path(auth_slot));
    }
}

BOOST_AUTO_TEST_CASE(login_at_pad_requests_four_digits_in_block_of_four) {
    Padded f;
    const auto session = f.open(auth_slot);
    fake::user_will(reader_name, PinEntry::typed(auth_pin));
    CHECK_RV(f.pad_login(session), CKR_OK);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_USER_FUNCTIONS);
    const auto requests = fake::pad_requests(reader_name);
    BOOST_REQUIRE_EQUAL(requests.size(), 1u);
    const PinPadRequest& request = requests.front();
    BOOST_CHECK(request.sent == (Bytes{0x00, 0x20, 0x00, 0x98, 0x04, '1', '2', '3', '4'}));
    BOOST_CHECK_EQUAL(int{request.min_digits}, 4);
    BOOST_CHECK_EQUAL(int{request.max_digits}, 4);
    BOOST_CHECK_EQUAL(request.block_size(), 4u);
    BOOST_CHECK(request.coding() == PinPadRequest::Coding::ascii);
    BOOST_CHECK(!request.right_justified());
    BOOST_CHECK_EQUAL(request.length_bits(), 0u);
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
    REQUIRE_OK(C_Logout(session));
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(on_card_without_short_forms_pad_names_selected_file) {
    Knobs knobs;
    knobs.short_forms = false;
    Padded f("", {}, knobs);
    fake::user_will(reader_name, PinEntry::typed(auth_pin));
    CHECK_RV(f.pad_login(f.open(auth_slot)), CKR_OK);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 1u);
    BOOST_CHECK_EQUAL(fake::pad_requests(reader_name).size(), 1u);
}

BOOST_AUTO_TEST_CASE(pin_in_call_is_sent_as_without_pad) {
    Padded f;
    CHECK_RV(f.login(f.open(auth_slot), auth_pin), CKR_OK);
    BOOST_CHECK(fake::pad_requests(reader_name).empty());
}

BOOST_AUTO_TEST_CASE(change_with_pins_in_call_is_sent_as_without_pad_and_with_one_of_them_is_refused) {
    Padded f("", {true, true, false, {}});  // one that could change a PIN
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    f.card->reset_counts();
    unsigned char pin[] = {'1', '2', '3', '4'};
    CHECK_RV(C_SetPIN(session, pin, 4, nullptr, 0), CKR_ARGUMENTS_BAD);
    CHECK_RV(C_SetPIN(session, nullptr, 0, pin, 4), CKR_ARGUMENTS_BAD);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
    CHECK_RV(set_pin(session, auth_pin, "4711"), CKR_OK);
    BOOST_CHECK(fake::pad_requests(reader_name).empty());
    BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), "4711");
}

BOOST_AUTO_TEST_CASE(wrong_pins_at_pad_cost_one_try_each_and_block) {
    Padded f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    for (const CK_RV expected : {CKR_PIN_INCORRECT, CKR_PIN_INCORRECT, CKR_PIN_LOCKED}) {
        fake::user_will(reader_name, PinEntry::typed("0000"));
        CHECK_RV(f.pad_login(session), expected);
    }
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 0);
    CHECK_RV(f.pad_login(session), CKR_PIN_LOCKED);  // no entry is requested for a PIN that is not sent
    CHECK_RV(f.pad_change(session), CKR_PIN_LOCKED);
    BOOST_CHECK_EQUAL(fake::pad_requests(reader_name).size(), 3u);
}

BOOST_AUTO_TEST_CASE(cancel_timeout_and_short_entries_at_pad_cost_no_try) {
    Padded f;
    const auto session = f.open(auth_slot);
    fake::user_will(reader_name, PinEntry::cancelled());
    CHECK_RV(f.pad_login(session), CKR_FUNCTION_CANCELED);
    fake::user_will(reader_name, PinEntry::gone_away());
    CHECK_RV(f.pad_login(session), CKR_FUNCTION_CANCELED);
    fake::user_will(reader_name, PinEntry::typed("12"));
    CHECK_RV(f.pad_login(session), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RO_PUBLIC_SESSION);
    BOOST_CHECK_EQUAL(fake::open_now().transactions, 0u);
    fake::user_will(reader_name, PinEntry::typed(auth_pin));
    CHECK_RV(f.pad_login(session), CKR_OK);
}

BOOST_AUTO_TEST_CASE(log_of_failed_pad_names_pcsc_code) {
    const LogFile log;
    Padded f(log.settings());
    const auto session = f.open(auth_slot);
    CK_TOKEN_INFO token{};
    REQUIRE_OK(C_GetTokenInfo(auth_slot, &token));  // the pad's features are known now
    fake::user_will(reader_name, PinEntry::typed(auth_pin));
    fake::fail(fake::Function::control, SCARD_F_COMM_ERROR);
    CHECK_RV(f.pad_login(session), CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
    const auto lines = log.lines();
    BOOST_CHECK(std::ranges::any_of(lines, [](const std::string& line) {
        return line.find("PIN pad of the reader failed: PC/SC error 0x80100013") != std::string::npos;
    }));
}

BOOST_AUTO_TEST_CASE(right_pin_at_pad_clears_rejected_pins) {
    Padded f;
    const auto session = f.open(auth_slot);
    CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);
    fake::user_will(reader_name, PinEntry::typed(auth_pin));
    REQUIRE_OK(f.pad_login(session));
    REQUIRE_OK(C_Logout(session));
    f.card->change_knobs([](Knobs& k) { k.pins[0] = "0000"; });  // elsewhere, in the meantime
    CHECK_RV(f.login(session, "0000"), CKR_OK);
}

BOOST_AUTO_TEST_CASE(rejected_pin_that_was_set_at_pad_is_sent) {
    Padded f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    CHECK_RV(f.login(session, "9876"), CKR_PIN_INCORRECT);
    fake::user_will(reader_name, PinEntry::typed(auth_pin));
    fake::user_will(reader_name, PinEntry::changed("", "9876"));
    REQUIRE_OK(f.pad_change(session));
    CHECK_RV(f.login(session, "9876"), CKR_OK);
}

BOOST_AUTO_TEST_CASE(removal_during_entry_at_pad_is_reported) {
    Padded f;
    const auto session = f.open(auth_slot);
    PinEntry entry = PinEntry::typed(auth_pin);
    entry.meanwhile = [] { fake::remove_card(reader_name); };
    fake::user_will(reader_name, entry);
    const CK_RV rv = f.pad_login(session);
    BOOST_CHECK(rv == CKR_DEVICE_REMOVED || rv == CKR_DEVICE_ERROR);
    BOOST_CHECK_EQUAL(verifies(*f.card, KeyUse::authentication), 0u);
    CK_SESSION_INFO info{};
    CHECK_RV(C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
}

BOOST_AUTO_TEST_CASE(password_with_letters_is_entered_at_pad_only_with_pinpad_letters) {
    {
        Padded f("", pad_with_letters);
        CHECK_RV(f.pad_login(f.open(sign_slot)), CKR_ARGUMENTS_BAD);
        BOOST_CHECK(fake::pad_requests(reader_name).empty());
    }
    Padded f(letters, pad_with_letters);
    const auto session = f.open(sign_slot);
    fake::user_will(reader_name, PinEntry::typed(sign_pin));
    CHECK_RV(f.pad_login(session), CKR_OK);
    const auto request = fake::pad_requests(reader_name).front();
    BOOST_CHECK_EQUAL(int{request.min_digits}, 6);
    BOOST_CHECK_EQUAL(int{request.max_digits}, 16);
    BOOST_CHECK_EQUAL(request.block_size(), 0u);  // as long as the entry, without padding
    BOOST_CHECK(request.sent == (Bytes{0x00, 0x20, 0x00, 0x9B, 0x06, 'A', 'B', 'C', '1', '2', '3'}));
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(context_login_at_pad_gives_consent) {
    Padded f(letters + consent_each, pad_with_letters);
    const auto session = f.open(sign_slot);
    fake::user_will(reader_name, PinEntry::typed(sign_pin));
    REQUIRE_OK(f.pad_login(session));
    REQUIRE_OK(sign_init(session, find_key(session)));
    fake::user_will(reader_name, PinEntry::cancelled());
    CHECK_RV(f.pad_login(session, CKU_CONTEXT_SPECIFIC), CKR_FUNCTION_CANCELED);
    fake::user_will(reader_name, PinEntry::typed(sign_pin));
    REQUIRE_OK(f.pad_login(session, CKU_CONTEXT_SPECIFIC));
    BOOST_CHECK(!fake::other_begins_transaction(reader_name));
    CHECK_RV(finish_sign(session), CKR_OK);
    check_locked_for_others(KeyUse::signature);
}

BOOST_AUTO_TEST_CASE(keep_last_try_starts_no_entry_at_pad) {
    Padded f("[pin]\nkeep_last_try = true\n");
    f.card->set_tries(KeyUse::authentication, 1);
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    CHECK_RV(f.pad_login(session), CKR_PIN_LOCKED);
    CHECK_RV(f.pad_change(session), CKR_PIN_LOCKED);
    BOOST_CHECK(fake::pad_requests(reader_name).empty());
}

BOOST_AUTO_TEST_CASE(change_at_pad_verifies_old_pin_and_sets_new_one_entered_twice) {
    Padded f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    fake::user_will(reader_name, PinEntry::typed(auth_pin));
    fake::user_will(reader_name, PinEntry::changed("", "9876"));
    CHECK_RV(f.pad_change(session), CKR_OK);
    BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), "9876");
    const auto requests = fake::pad_requests(reader_name);
    BOOST_REQUIRE_EQUAL(requests.size(), 2u);
    BOOST_CHECK(requests[1].modify);
    BOOST_CHECK(requests[1].sent == (Bytes{0x00, 0x24, 0x01, 0x98, 0x04, '9', '8', '7', '6'}));
    BOOST_CHECK_EQUAL(int{requests[1].confirm}, 1);
    check_locked_for_others(KeyUse::authentication);
}

BOOST_AUTO_TEST_CASE(cancelled_change_at_pad_keeps_old_pin_and_leaves_no_login) {
    PinEntry differs = PinEntry::changed("", "9876");
    differs.again = "9875";
    const std::vector<std::pair<PinEntry, CK_RV>> entries = {{PinEntry::cancelled(), CKR_FUNCTION_CANCELED},
                                                             {PinEntry::gone_away(), CKR_FUNCTION_CANCELED},
                                                             {differs, CKR_PIN_INVALID},
                                                             {PinEntry::changed("", "98"), CKR_PIN_INVALID}};
    for (const auto& [entry, expected] : entries) {
        Padded f;
        const auto session = f.open(auth_slot, CKF_RW_SESSION);
        fake::user_will(reader_name, PinEntry::typed(auth_pin));
        fake::user_will(reader_name, entry);
        CHECK_RV(f.pad_change(session), expected);
        BOOST_CHECK_EQUAL(f.card->pin(KeyUse::authentication), auth_pin);
        BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 3);
        check_locked_for_others(KeyUse::authentication);
    }
    Padded f;
    const auto session = f.open(auth_slot, CKF_RW_SESSION);
    fake::user_will(reader_name, PinEntry::cancelled());  // already at the old one
    CHECK_RV(f.pad_change(session), CKR_FUNCTION_CANCELED);
    fake::user_will(reader_name, PinEntry::typed("0000"));
    CHECK_RV(f.pad_change(session), CKR_PIN_INCORRECT);
    BOOST_CHECK_EQUAL(f.card->tries(KeyUse::authentication), 2);
    BOOST_CHECK_EQUAL(f.card->counts().changes[0], 0u);
}

BOOST_AUTO_TEST_CASE(cancelled_change_at_pad_keeps_login) {
    Padded f;
    const auto session = f.open_logged_in(auth_slot, CKF_RW_SESSION);
    fake::user_will(reader_name, PinEntry::cancelled());
    CHECK_RV(f.pad_change(session), CKR_FUNCTION_CANCELED);
    BOOST_CHECK_EQUAL(f.state(session), CKS_RW_USER_FUNCTIONS);
    signed_by(session, find_key(session), CKM_SHA256_RSA_PKCS, text);
}

BOOST_AUTO_TEST_CASE(pad_without_change_gets_no_change_and_costs_no_try) {
    Padded f("", {true, false, false, {}});
    CHECK_RV(f.pad_change(f.open(auth_slot, CKF_RW_SESSION)), CKR_FUNCTION_NOT_SUPPORTED);
    BOOST_CHECK(fake::pad_requests(reader_name).empty());
}

BOOST_AUTO_TEST_CASE(new_password_rejected_by_card_is_CKR_PIN_INVALID) {
    Knobs knobs;
    knobs.enforces_password_rules = true;
    Padded f(letters, pad_with_letters, knobs);
    fake::user_will(reader_name, PinEntry::typed(sign_pin));
    fake::user_will(reader_name, PinEntry::changed("", "ONLYLETTERS"));
    CHECK_RV(f.pad_change(f.open(sign_slot, CKF_RW_SESSION)), CKR_PIN_INVALID);
    BOOST_CHECK_EQUAL(f.card->pin(KeyUse::signature), sign_pin);
}

BOOST_AUTO_TEST_SUITE_END()
