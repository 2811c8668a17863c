#include "apdu/command.hpp"

#include "apdu/log.hpp"

#include <algorithm>
#include <openssl/crypto.h>
#include <stdexcept>

namespace jpki {

Command::Command(Header header, ByteView data, std::optional<std::size_t> le) : header_(header), has_le_(le.has_value()) {
    if (data.size() > data_max) throw std::invalid_argument("command data does not fit into a short APDU");
    if (le && (*le == 0 || *le > le_max)) throw std::invalid_argument("Le is out of range for a short APDU");
    bytes_[size_++] = header.cla;
    bytes_[size_++] = header.ins;
    bytes_[size_++] = header.p1;
    bytes_[size_++] = header.p2;
    if (!data.empty()) {
        bytes_[size_++] = static_cast<std::uint8_t>(data.size());
        std::copy(data.begin(), data.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += data.size();
    }
    if (le) bytes_[size_++] = static_cast<std::uint8_t>(*le & 0xFF);
}

Command::~Command() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::string Command::header_text() const {
    return hex16(static_cast<std::uint16_t>(header_.cla << 8 | header_.ins)) + " " +
           hex16(static_cast<std::uint16_t>(header_.p1 << 8 | header_.p2));
}

}  // namespace jpki
