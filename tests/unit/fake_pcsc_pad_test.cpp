// The fake of PC/SC: a reader with a PIN pad (PC/SC part 10).
#include "fake_pcsc_fixture.hpp"

using namespace jpki::fake;
using namespace jpki::fake::test;
using jpki::model::KeyUse;

namespace {

constexpr DWORD verify_code = SCARD_CTL_CODE(0x330006), modify_code = SCARD_CTL_CODE(0x330007);

void put_length(Bytes& out, std::size_t length) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(length >> shift & 0xFF));
}

// ASCII, left, bytes; min and max digits; ends by key.
Bytes verify(const Bytes& apdu, std::uint8_t block, std::uint8_t min, std::uint8_t max, std::uint8_t format = 0x82) {
    Bytes out = {30, 20, format, block, 0, max, min, 2, 1, 0x11, 0x04, 0, 0, 0, 0};
    put_length(out, apdu.size());
    out.insert(out.end(), apdu.begin(), apdu.end());
    return out;
}

Bytes modify(const Bytes& apdu, std::uint8_t block, std::uint8_t min, std::uint8_t max, std::uint8_t confirm,
             std::uint8_t offset_old = 0, std::uint8_t offset_new = 0) {
    Bytes out = {30, 20, 0x82, block, 0, offset_old, offset_new, max, min, confirm, 2, 2, 0x11, 0x04, 0, 1, 2, 0, 0, 0};
    put_length(out, apdu.size());
    out.insert(out.end(), apdu.begin(), apdu.end());
    return out;
}

const Bytes four_digits = {0x00, 0x20, 0x00, 0x98, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};
const Bytes new_four_digits = {0x00, 0x24, 0x01, 0x98, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};
const Bytes password = {0x00, 0x20, 0x00, 0x9B, 0x00};

struct Pad : Fixture {
    Pad() {
        give_pad(reader_name, {});
        BOOST_REQUIRE_EQUAL(status_of(handle, select_jpki), 0x9000);
    }
    LONG control(DWORD code, const Bytes& input, Bytes& output) const {
        output.assign(64, 0);
        DWORD size = 0;
        const LONG rc = SCardControl(handle, code, input.data(), input.size(), output.data(), output.size(), &size);
        output.resize(size);
        return rc;
    }
    unsigned ask(DWORD code, const Bytes& input) const {
        Bytes output;
        REQUIRE_RC(control(code, input, output), SCARD_S_SUCCESS);
        BOOST_REQUIRE_EQUAL(output.size(), 2U);
        return static_cast<unsigned>(output[0] << 8 | output[1]);
    }
    SCARDHANDLE handle = connect();
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pad, Pad)

BOOST_AUTO_TEST_CASE(pad_features_are_listed) {
    Bytes list;
    CHECK_RC(control(CM_IOCTL_GET_FEATURE_REQUEST, {}, list), SCARD_S_SUCCESS);
    BOOST_CHECK(list == (Bytes{6, 4, 0x42, 0x33, 0, 6, 7, 4, 0x42, 0x33, 0, 7}));
    PinPad other;
    other.can_modify = false;
    other.others[FEATURE_GET_TLV_PROPERTIES] = {6, 1, 4};
    give_pad(reader_name, other);
    CHECK_RC(control(CM_IOCTL_GET_FEATURE_REQUEST, {}, list), SCARD_S_SUCCESS);
    BOOST_CHECK(list == (Bytes{6, 4, 0x42, 0x33, 0, 6, 0x12, 4, 0x42, 0x33, 0, 0x12}));
    CHECK_RC(control(SCARD_CTL_CODE(0x330012), {}, list), SCARD_S_SUCCESS);
    BOOST_CHECK(list == (Bytes{6, 1, 4}));
    CHECK_RC(control(modify_code, modify(new_four_digits, 4, 4, 4, 1), list), SCARD_E_UNSUPPORTED_FEATURE);
    take_pad(reader_name);
    CHECK_RC(control(CM_IOCTL_GET_FEATURE_REQUEST, {}, list), SCARD_E_UNSUPPORTED_FEATURE);
}

BOOST_AUTO_TEST_CASE(pad_verifies_four_digits) {
    user_will(reader_name, PinEntry::typed("1234"));
    BOOST_CHECK_EQUAL(ask(verify_code, verify(four_digits, 4, 4, 4)), 0x9000U);
    BOOST_CHECK(card->verified(KeyUse::authentication));
    user_will(reader_name, PinEntry::typed("9999"));
    BOOST_CHECK_EQUAL(ask(verify_code, verify(four_digits, 4, 4, 4)), 0x63C2U);
    const auto requests = pad_requests(reader_name);
    BOOST_REQUIRE_EQUAL(requests.size(), 2U);
    BOOST_CHECK(requests[0].sent == right_pin);
    BOOST_CHECK(requests[0].apdu == four_digits);
    BOOST_CHECK_EQUAL(requests[0].timeout, 30);
    BOOST_CHECK_EQUAL(requests[0].lang_id, 0x0411);
    BOOST_CHECK_EQUAL(requests[1].status, 0x63C2);
}

BOOST_AUTO_TEST_CASE(pin_block_without_size_has_length_of_pin) {
    give_pad(reader_name, {.has_letters = true});
    user_will(reader_name, PinEntry::typed("ABC123"));
    BOOST_CHECK_EQUAL(ask(verify_code, verify(password, 0, 6, 16)), 0x9000U);
    BOOST_CHECK(pad_requests(reader_name)[0].sent == (Bytes{0x00, 0x20, 0x00, 0x9B, 6, 'A', 'B', 'C', '1', '2', '3'}));
    give_pad(reader_name, {});
    user_will(reader_name, PinEntry::typed("ABC123"));
    BOOST_CHECK_EQUAL(ask(verify_code, verify(password, 0, 6, 16)), 0x6400U);
}

BOOST_AUTO_TEST_CASE(pad_reports_cancel_timeout_and_wrong_lengths) {
    const Bytes request = verify(four_digits, 4, 4, 4);
    user_will(reader_name, PinEntry::cancelled());
    user_will(reader_name, PinEntry::gone_away());
    user_will(reader_name, PinEntry::typed("123"));
    user_will(reader_name, PinEntry::typed("12345"));
    BOOST_CHECK_EQUAL(ask(verify_code, request), 0x6401U);
    BOOST_CHECK_EQUAL(ask(verify_code, request), 0x6400U);
    BOOST_CHECK_EQUAL(ask(verify_code, request), 0x6403U);
    BOOST_CHECK_EQUAL(ask(verify_code, request), 0x6403U);
    BOOST_CHECK_EQUAL(ask(verify_code, request), 0x6400U);  // no user present
    BOOST_CHECK_EQUAL(card->counts().verify[0], 0U);

    PinEntry pulled = PinEntry::typed("1234");
    pulled.meanwhile = [] { jpki::fake::remove_card(reader_name); };
    user_will(reader_name, pulled);
    Bytes output;
    CHECK_RC(control(verify_code, request, output), SCARD_E_NOT_TRANSACTED);
    BOOST_CHECK_EQUAL(card->counts().verify[0], 0U);
}

BOOST_AUTO_TEST_CASE(pad_changes_pins) {
    const Bytes request = modify(new_four_digits, 4, 4, 4, 1);
    PinEntry slip = PinEntry::changed({}, "5678");
    slip.again = "5679";
    user_will(reader_name, slip);
    BOOST_CHECK_EQUAL(ask(modify_code, request), 0x6402U);
    BOOST_CHECK_EQUAL(status_of(handle, right_pin), 0x9000);
    user_will(reader_name, PinEntry::changed({}, "5678"));
    BOOST_CHECK_EQUAL(ask(modify_code, request), 0x9000U);
    BOOST_CHECK_EQUAL(card->pin(KeyUse::authentication), "5678");

    // Both PINs in one command. Our card has no such command; the model's answer does not matter.
    const Bytes both = {0x00, 0x24, 0x00, 0x98, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    user_will(reader_name, PinEntry::changed("5678", "1234"));
    ask(modify_code, modify(both, 4, 4, 4, 3, 0, 4));
    const auto request_seen = pad_requests(reader_name).back();
    BOOST_CHECK(request_seen.sent == (Bytes{0x00, 0x24, 0x00, 0x98, 0x08, '5', '6', '7', '8', '1', '2', '3', '4'}));
    BOOST_CHECK_EQUAL(request_seen.confirm, 3);
}

BOOST_AUTO_TEST_CASE(pad_applies_pin_codings_and_positions) {
    const Bytes apdu = {0x00, 0x20, 0x00, 0x98, 0x06, 0, 0, 0, 0, 0, 0};
    const auto sent = [&](std::uint8_t format, std::uint8_t block, std::uint8_t length_format, const std::string& pin) {
        Bytes structure = verify(apdu, block, 1, 8, format);
        structure[4] = length_format;
        user_will(reader_name, PinEntry::typed(pin));
        ask(verify_code, structure);
        const Bytes all = pad_requests(reader_name).back().sent;
        return Bytes(all.begin() + 5, all.end());
    };
    BOOST_CHECK(sent(0x82 | 1 << 3, 4, 0, "123") == (Bytes{0, '1', '2', '3', 0, 0}));
    BOOST_CHECK(sent(0x86 | 1 << 3, 4, 0, "123") == (Bytes{0, 0, '1', '2', '3', 0}));
    BOOST_CHECK(sent(0x81, 4, 0, "123") == (Bytes{0x12, 0x3F, 0, 0, 0, 0}));
    BOOST_CHECK(sent(0x80, 4, 0, "123") == (Bytes{1, 2, 3, 0, 0, 0}));
    BOOST_CHECK(sent(0x82 | 1 << 3, 0x84, 0x10, "123") == (Bytes{3, '1', '2', '3', 0, 0}));
}

BOOST_AUTO_TEST_CASE(pad_rejects_malformed_structures) {
    const auto rejected = [&](DWORD code, Bytes structure) {
        user_will(reader_name, PinEntry::cancelled());
        Bytes output;
        CHECK_RC(control(code, structure, output), SCARD_E_INVALID_PARAMETER);
    };
    const Bytes good = verify(four_digits, 4, 4, 4), good_change = modify(new_four_digits, 4, 4, 4, 1);
    const auto with = [](Bytes bytes, std::size_t at, std::uint8_t value) {
        bytes[at] = value;
        return bytes;
    };
    rejected(verify_code, {});
    rejected(verify_code, Bytes(good.begin(), good.end() - 1));
    rejected(verify_code, with(with(good, 15, 0), 18, 9));  // length big-endian
    rejected(verify_code, with(good, 23, 5));               // Lc
    rejected(verify_code, with(good, 2, 0x83));             // no such coding
    rejected(verify_code, with(good, 2, 0x8A));             // block beyond the data
    rejected(verify_code, with(good, 3, 0x05));             // block longer than the data
    rejected(verify_code, with(good, 3, 0x00));             // no block, but data
    rejected(verify_code, with(good, 4, 0x20));             // RFU
    rejected(verify_code, with(good, 5, 3));                // maximum below minimum
    rejected(verify_code, with(good, 7, 0));                // never ends
    rejected(verify_code, with(good, 8, 2));                // messages
    rejected(verify_code, good_change);
    rejected(modify_code, with(good_change, 6, 1));  // offset of the new PIN
    rejected(modify_code, with(good_change, 9, 4));  // RFU
    rejected(modify_code, good);
    BOOST_CHECK_EQUAL(pad_requests(reader_name).size(), 0U);
    Bytes output;
    CHECK_RC(control(SCARD_CTL_CODE(1), {}, output), SCARD_E_UNSUPPORTED_FEATURE);
}

BOOST_AUTO_TEST_SUITE_END()
