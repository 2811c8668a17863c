// All reads and writes of the caller's memory.
#pragma once

#include "apdu/bytes.hpp"
#include "module/error.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

namespace jpki {

// The convention of PKCS#11 5.2 for output of variable length: NULL returns the length, a short buffer the length
// and CKR_BUFFER_TOO_SMALL, both without other effects. Returns true if the caller's buffer can now be filled with
// `needed` bytes; false if only the length was requested. Throws CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL.
inline bool begin_output(const void* buffer, CK_ULONG* length, CK_ULONG needed) {
    require(length != nullptr, CKR_ARGUMENTS_BAD);
    if (buffer == nullptr) {
        *length = needed;
        return false;
    }
    const CK_ULONG room = *length;
    *length = needed;
    require(room >= needed, CKR_BUFFER_TOO_SMALL);
    return true;
}

// Fills a fixed text field: padded with blanks, without a final NUL (PKCS#11 3, "blank padded"). Text that is too long is
// cut between UTF-8 characters.
template <std::size_t size> void put_blank_padded(unsigned char (&field)[size], std::string_view text) noexcept {
    std::size_t length = std::min(size, text.size());
    if (length < text.size())
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
    std::memset(field, ' ', size);
    std::copy_n(text.begin(), length, field);
}

// The caller's input as a view. A NULL pointer with a length is an error, with length 0 it is empty.
inline ByteView caller_bytes(const void* data, CK_ULONG length) {
    require(data != nullptr || length == 0, CKR_ARGUMENTS_BAD);
    return {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(length)};
}

}  // namespace jpki
