// The start of every test of the fake: a running service, one reader, one card in it.
#pragma once

#include "tests/fake_pcsc/fake_pcsc.hpp"

#include "test_pki.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <thread>

#include <reader.h>

#define CHECK_RC(expression, code) BOOST_CHECK_EQUAL((expression), static_cast<LONG>(code))
#define REQUIRE_RC(expression, code) BOOST_REQUIRE_EQUAL((expression), static_cast<LONG>(code))

namespace jpki::fake::test {

inline const std::string reader_name = "Fake reader 00 00";
inline const Bytes select_jpki = {0x00, 0xA4, 0x04, 0x0C, 0x0A, 0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01};
inline const Bytes tries_left = {0x00, 0x20, 0x00, 0x98};
inline const Bytes right_pin = {0x00, 0x20, 0x00, 0x98, 0x04, '1', '2', '3', '4'};

// No test here signs or reads, so no key is needed, and key generation is slow.
inline Card make_card(model::Knobs knobs = {}) {
    static const auto no_keys = std::make_shared<const model::TestPki>();
    return std::make_shared<model::CardModel>(no_keys, std::move(knobs));
}

struct Fixture {
    Fixture() {
        reset_everything();
        add_reader(reader_name);
        insert_card(reader_name, card);
        REQUIRE_RC(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context), SCARD_S_SUCCESS);
    }
    ~Fixture() { reset_everything(); }
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    SCARDHANDLE connect(DWORD share = SCARD_SHARE_SHARED) const {
        SCARDHANDLE handle = 0;
        DWORD protocol = 0;
        REQUIRE_RC(SCardConnect(context, reader_name.c_str(), share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &handle, &protocol),
                   SCARD_S_SUCCESS);
        return handle;
    }
    static LONG reconnect(SCARDHANDLE handle, DWORD initialization = SCARD_LEAVE_CARD, DWORD share = SCARD_SHARE_SHARED) {
        DWORD protocol = 0;
        return SCardReconnect(handle, share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, initialization, &protocol);
    }
    static LONG get_atr(SCARDHANDLE handle) {
        std::array<std::uint8_t, MAX_ATR_SIZE> atr{};
        DWORD size = atr.size();
        return SCardGetAttrib(handle, SCARD_ATTR_ATR_STRING, atr.data(), &size);
    }
    static LONG transmit(SCARDHANDLE handle, const Bytes& command, std::uint16_t* status = nullptr) {
        std::array<std::uint8_t, 512> answer{};
        DWORD size = answer.size();
        const LONG rc = SCardTransmit(handle, SCARD_PCI_T1, command.data(), command.size(), nullptr, answer.data(), &size);
        if (status) *status = size < 2 ? std::uint16_t{0} : static_cast<std::uint16_t>(answer[size - 2] << 8 | answer[size - 1]);
        return rc;
    }
    std::uint16_t status_of(SCARDHANDLE handle, const Bytes& command) const {
        std::uint16_t status = 0;
        REQUIRE_RC(transmit(handle, command, &status), SCARD_S_SUCCESS);
        return status;
    }

    Card card = make_card();
    SCARDCONTEXT context = 0;
};

}  // namespace jpki::fake::test
