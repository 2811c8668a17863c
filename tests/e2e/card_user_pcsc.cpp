// Another program that uses the card: raw PC/SC, on the first reader.
#include "card_user.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <winscard.h>

namespace card_user {

namespace {

SCARDCONTEXT context = 0;
SCARDHANDLE card = 0;
DWORD protocol = 0;

std::string code(LONG rc) {
    if (rc == SCARD_S_SUCCESS) return "ok";
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08lX", static_cast<unsigned long>(rc) & 0xFFFFFFFFUL);
    return text.data();
}

LONG connect(DWORD share) {
    if (context == 0) {
        const LONG rc = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context);
        if (rc != SCARD_S_SUCCESS) return rc;
    }
    std::array<char, 1024> readers{};
    DWORD size = readers.size();
    const LONG rc = SCardListReaders(context, nullptr, readers.data(), &size);
    if (rc != SCARD_S_SUCCESS) return rc;
    return SCardConnect(context, readers.data(), share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol);
}

std::string send(const std::string& hex) {
    std::vector<std::uint8_t> command;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        command.push_back(static_cast<std::uint8_t>(std::strtoul(hex.substr(i, 2).c_str(), nullptr, 16)));
    std::array<std::uint8_t, 300> answer{};
    DWORD size = answer.size();
    const LONG rc = SCardTransmit(card, protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1, command.data(),
                                  command.size(), nullptr, answer.data(), &size);
    if (rc != SCARD_S_SUCCESS) return code(rc);
    if (size < 2) return "ok with " + std::to_string(size) + " bytes";
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "ok %02X%02X", answer[size - 2], answer[size - 1]);
    return text.data();
}

// One command in its own transaction, repeatedly.
std::string repeat(int times, const std::string& hex) {
    for (int i = 0; i < times; ++i) {
        const LONG rc = SCardBeginTransaction(card);
        if (rc != SCARD_S_SUCCESS) return code(rc);
        const std::string said = send(hex);
        SCardEndTransaction(card, SCARD_LEAVE_CARD);
        if (said != "ok 9000") return said;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return "ok " + std::to_string(times) + " times";
}

}  // namespace

std::string pcsc(const Words& words) {
    const std::string verb = words.size() > 1 ? words[1] : "", how = words.size() > 2 ? words[2] : "";
    if (verb == "connect") return code(connect(how == "exclusive" ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED));
    if (verb == "begin") return code(SCardBeginTransaction(card));
    if (verb == "send") return send(how);
    if (verb == "repeat") return repeat(std::atoi(how.c_str()), words.size() > 3 ? words[3] : "");
    if (verb == "end") return code(SCardEndTransaction(card, SCARD_LEAVE_CARD));
    if (verb == "disconnect")
        return code(SCardDisconnect(card, how == "reset"     ? SCARD_RESET_CARD
                                          : how == "unpower" ? SCARD_UNPOWER_CARD
                                                             : SCARD_LEAVE_CARD));
    return "what is " + verb + "?";
}

}  // namespace card_user
