// PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE (PC/SC part 10, 2.5), against the structures of pcsc-lite's <reader.h> as this
// host's compiler lays them out.
#include "apdu/pinpad.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <reader.h>

using jpki::Bytes;
using jpki::KeyUse;
using jpki::PinPad;

namespace {

// The fixed part of the structure as native memory, then the template.
template <class Structure> Bytes native(const Structure& fixed, const Bytes& apdu) {
    Bytes bytes(offsetof(Structure, abData));
    std::memcpy(bytes.data(), &fixed, bytes.size());
    bytes.insert(bytes.end(), apdu.begin(), apdu.end());
    return bytes;
}

struct Case {
    KeyUse use;
    std::uint8_t p2;
    std::uint8_t block;  // bytes of the PIN block; 0: as long as what is typed
    std::uint16_t digits;
    Bytes data;  // Lc and the PIN block of the template
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {KeyUse::authentication, 0x98, 4, 0x0404, {0x04, 0xFF, 0xFF, 0xFF, 0xFF}},
        {KeyUse::signature, 0x9B, 0, 0x0610, {0x00}},
    };
    return all;
}

Bytes command(Bytes header, const Bytes& data) {
    header.insert(header.end(), data.begin(), data.end());
    return header;
}

}  // namespace

BOOST_AUTO_TEST_CASE(pin_verify_structure_equals_native_structure) {
    for (const Case& c : cases()) {
        const Bytes apdu = command({0x00, 0x20, 0x00, c.p2}, c.data);
        PIN_VERIFY_STRUCTURE s{};
        s.bTimerOut = 30;
        s.bTimerOut2 = 30;
        s.bmFormatString = 0x82;
        s.bmPINBlockString = c.block;
        s.wPINMaxExtraDigit = c.digits;
        s.bEntryValidationCondition = 2;
        s.bNumberMessage = 1;
        s.wLangId = 0x0411;
        s.ulDataLength = static_cast<std::uint32_t>(apdu.size());
        BOOST_CHECK(PinPad::verify_structure(c.use, c.p2) == native(s, apdu));
    }
}

BOOST_AUTO_TEST_CASE(pin_modify_structure_equals_native_structure) {
    for (const Case& c : cases()) {
        const Bytes apdu = command({0x00, 0x24, 0x01, c.p2}, c.data);
        PIN_MODIFY_STRUCTURE s{};
        s.bTimerOut = 30;
        s.bTimerOut2 = 30;
        s.bmFormatString = 0x82;
        s.bmPINBlockString = c.block;
        s.wPINMaxExtraDigit = c.digits;
        s.bConfirmPIN = 1;
        s.bEntryValidationCondition = 2;
        s.bNumberMessage = 2;
        s.wLangId = 0x0411;
        s.bMsgIndex1 = 1;
        s.bMsgIndex2 = 2;
        s.ulDataLength = static_cast<std::uint32_t>(apdu.size());
        BOOST_CHECK(PinPad::modify_structure(c.use, c.p2) == native(s, apdu));
    }
}
