// A card for `survey`: sends commands that apdu/ would not build (extended lengths, odd forms), and only harmless ones.
#pragma once

#include "card_access.hpp"

#include "apdu/bytes.hpp"
#include "apdu/command.hpp"
#include "apdu/facts.hpp"

#include <string>

namespace jpki::tool {

// True for the commands that survey may send: SELECT of the JPKI application, of the issuer security domain and of an EF, READ
// BINARY, GET CHALLENGE, the retry counter query (a VERIFY without data), and the sign command with data of a length that its P1
// can never sign. All others are rejected before they reach the card.
bool is_harmless(ByteView apdu);

class SurveyCard {
public:
    // Shared connection. Throws Failure.
    explicit SurveyCard(const std::string& reader);
    ~SurveyCard();
    SurveyCard(const SurveyCard&) = delete;
    SurveyCard& operator=(const SurveyCard&) = delete;

    struct Answer {
        std::uint16_t status = 0;  // 0: the reader or driver gave no answer
        Bytes data;
    };
    // One command in its own transaction; 61xx and 6Cxx are answers. Throws std::logic_error for a command that is not
    // harmless, Failure if the card was removed or is busy.
    Answer send(ByteView apdu);
    Answer send(const Command& command) { return send(command.wire()); }

    Answer select_application();
    Answer select_issuer_security_domain();
    Answer select_ef(std::uint16_t id);
    // READ BINARY of the current file; `le` 1..256.
    Answer read(std::size_t offset, std::size_t le);
    Answer read_short_form(Ef ef, std::size_t offset, std::size_t le);
    Answer query_tries(std::uint8_t p2, bool with_le);

    // Warm reset (SCARD_RESET_CARD): other programs get an event.
    void reset();
    // Cold reset (SCARD_UNPOWER_CARD): the card loses power for a moment. Ends all logins, as selecting another application does.
    void cold_reset();
    const Bytes& atr() const noexcept { return atr_; }
    bool t0() const noexcept;

private:
    [[noreturn]] void fail(LONG rc) const;
    void begin();
    void reconnect(DWORD initialization);
    bool is_removed();

    std::string reader_;
    PcscContext context_;
    SCARDHANDLE card_ = 0;
    DWORD protocol_ = 0;
    Bytes atr_;
};

}  // namespace jpki::tool
