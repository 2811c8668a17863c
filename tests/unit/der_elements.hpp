// Puts DER together from elements, for tests of what reads it.
#pragma once

#include "apdu/bytes.hpp"

#include <initializer_list>
#include <string_view>

namespace jpki::test {

inline Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& one : parts) all.insert(all.end(), one.begin(), one.end());
    return all;
}

// Identifier, length and contents (up to 65535 bytes).
inline Bytes element(std::uint8_t identifier, const Bytes& contents) {
    Bytes all{identifier};
    const std::size_t size = contents.size();
    if (size >= 0x100) all.insert(all.end(), {0x82, static_cast<std::uint8_t>(size >> 8)});
    else if (size >= 0x80) all.push_back(0x81);
    all.push_back(static_cast<std::uint8_t>(size));
    return joined({all, contents});
}
inline Bytes element(std::uint8_t identifier, std::string_view text) {
    return element(identifier, Bytes(text.begin(), text.end()));
}

}  // namespace jpki::test
