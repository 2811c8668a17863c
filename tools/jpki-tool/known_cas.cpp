#include "known_cas.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace jpki::tool {

namespace {

constexpr std::array cas = {
    KnownCa{KeyUse::signature, 1, "2015-10-20", "2025-10-19", "0D034CBB34D0714F45E45A1CAFD8FD143FAB54A7",
            "19645405A1FE14377434BD55957628AC4038557C542403A2243F21C706FC9355"},
    KnownCa{KeyUse::signature, 2, "2019-09-14", "2029-09-14", "4DE017DE", ""},
    KnownCa{KeyUse::signature, 3, "2023-07-16", "2033-07-15", "D21EA55895617E93ADBF966B941AB4EDF653F08F",
            "D227F6CDE11D35C5252178F106F843D24651944975413B539FA2FB68DBFA365F"},
    KnownCa{KeyUse::authentication, 1, "2015-10-20", "2025-10-19", "9567951B5CA70D84A0FFF1D85A87F1AAB1340385",
            "4DCFC4CA0AAF9FB2A3081B3F0C991C320B3ACC008667A341EEAEC5AF1D58CA7D"},
    KnownCa{KeyUse::authentication, 3, "2023-07-16", "2033-07-15", "1AC100F596A3BC8C4B3DF195E32699249E9E308A",
            "64114F29620C24ED2631D46476A040E7EE740D956089C00B036A6A8118C322B5"},
};

}  // namespace

std::span<const KnownCa> known_cas() noexcept { return cas; }

const KnownCa* find_known_ca(KeyUse use, ByteView key_id) {
    if (key_id.size() != 20) return nullptr;
    const std::string wanted = hex(key_id);
    const auto found =
        std::ranges::find_if(cas, [&](const KnownCa& ca) { return ca.use == use && wanted.starts_with(ca.key_id); });
    return found == cas.end() ? nullptr : &*found;
}

std::string hex(ByteView bytes) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

}  // namespace jpki::tool
