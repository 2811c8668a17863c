// A certificate EF: one DER SEQUENCE, then filler up to the file's size (apdu/README.md, Files).
#pragma once

#include "apdu/bytes.hpp"

#include <optional>

namespace jpki {

// More than any certificate of the card: the files have 3808 bytes where they were measured.
inline constexpr std::size_t certificate_size_max = 8192;

enum class FileHead {
    certificate,  // a DER SEQUENCE begins here
    nothing,      // empty, or only filler: the card has no such certificate
    malformed
};

// Parses the first bytes of a certificate file (at least four, or the whole file). `total` receives the size of header
// and contents in bytes if it is a certificate: 3..certificate_size_max.
FileHead examine_head(ByteView head, std::size_t& total) noexcept;

}  // namespace jpki
