// A certificate EF: one DER SEQUENCE, then filler up to the file's size (apdu/README.md, Files).
#pragma once

#include "apdu/bytes.hpp"

#include <optional>

namespace jpki {

// More than any certificate of the card can be: the files are 3808 bytes long where they were measured.
inline constexpr std::size_t certificate_size_max = 8192;

enum class FileHead {
    certificate,  // a DER SEQUENCE begins here
    nothing,      // empty, or nothing but filler: the card has no such certificate
    malformed
};

// Looks at the first bytes of a certificate file (at least four, or all there are). `total` receives the size of header
// and contents in bytes when it is a certificate: 3..certificate_size_max.
FileHead examine_head(ByteView head, std::size_t& total) noexcept;

}  // namespace jpki
