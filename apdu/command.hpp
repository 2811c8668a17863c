// Command and response APDUs, short form (ISO/IEC 7816-4, 5.1 and 5.3).
#pragma once

#include "apdu/bytes.hpp"
#include "apdu/status_words.hpp"

#include <array>
#include <optional>
#include <string>

namespace jpki {

struct Header {
    std::uint8_t cla, ins, p1, p2;
};

// A command ready for the wire. Its bytes are wiped at its end, since it may contain a PIN.
class Command {
public:
    static constexpr std::size_t data_max = 255;  // short Lc
    static constexpr std::size_t le_max = 256;    // short Le, sent as 00

    // `data` at most data_max bytes; `le` 1..le_max, or no value for a command without Le.
    // Throws std::invalid_argument if either is out of range.
    explicit Command(Header header, ByteView data = {}, std::optional<std::size_t> le = {});
    ~Command();
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

    ByteView wire() const noexcept { return {bytes_.data(), size_}; }
    const Header& header() const noexcept { return header_; }
    bool has_le() const noexcept { return has_le_; }
    // The same command with another Le, for 6Cxx (ISO/IEC 7816-4, 5.3.4). Only if has_le().
    void replace_le(std::uint8_t le) noexcept { bytes_[size_ - 1] = le; }
    // "00 20 00 98": the only part of a command that a log may contain.
    std::string header_text() const;

private:
    Header header_;
    bool has_le_ = false;
    std::size_t size_ = 0;
    std::array<std::uint8_t, 4 + 1 + data_max + 1> bytes_{};
};

struct Response {
    Bytes data;
    std::uint16_t status = 0;

    bool ok() const noexcept { return status == sw::ok; }
};

}  // namespace jpki
