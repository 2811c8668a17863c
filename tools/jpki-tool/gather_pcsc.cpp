// Facts about pcscd, its driver and the USB readers.
#include "doctor.hpp"
#include "run_program.hpp"

#include "apdu/pcsc_context.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace jpki::tool {

namespace {

using std::filesystem::path;

std::string content(const path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// The first "N.N" behind `marker`.
std::optional<Version> version_behind(const std::string& text, const std::string& marker) {
    std::size_t at = text.find(marker);
    if (at == std::string::npos) return std::nullopt;
    at = text.find_first_of("0123456789", at + marker.size());
    if (at == std::string::npos) return std::nullopt;
    Version version{0, 0};
    const char* const end = text.data() + text.size();
    const auto [dot, error] = std::from_chars(text.data() + at, end, version.first);
    if (error != std::errc{} || dot == end || *dot != '.') return std::nullopt;
    if (std::from_chars(dot + 1, end, version.second).ec != std::errc{}) return std::nullopt;
    return version;
}

std::optional<Version> ccid_version(const path& root) {
    for (const char* place : {"etc/libccid_Info.plist", "usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
                              "usr/lib64/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"})
        if (const auto version = version_behind(content(root / place), "<key>CFBundleShortVersionString</key>")) return version;
    return std::nullopt;
}

struct Socket {
    int value;
    ~Socket() {
        if (value >= 0) ::close(value);
    }
};

// The first message of libpcsclite's protocol: a header (length, command) and the protocol's version, all in host byte order.
struct Greeting {
    std::uint32_t size = 12, command = 0x11;  // CMD_VERSION
    std::int32_t major = 4, minor = 4;
    std::uint32_t status = 0;
};

void greet(PcscFacts& facts) {
    const std::string name = pcscd_socket();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, name.c_str(), name.size());
    const Socket socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(socket.value, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        facts.socket = errno == ENOENT   ? PcscFacts::Socket::missing
                       : errno == EACCES ? PcscFacts::Socket::closed
                                         : PcscFacts::Socket::refused;
        return;
    }
    facts.socket = PcscFacts::Socket::closed;
    const timeval patience{3, 0};
    ::setsockopt(socket.value, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const Greeting greeting;
    if (::send(socket.value, &greeting, sizeof greeting, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof greeting)) return;
    std::int32_t answer[3] = {};
    if (::recv(socket.value, answer, sizeof answer, MSG_WAITALL) != static_cast<ssize_t>(sizeof answer)) return;
    facts.socket = PcscFacts::Socket::answered;
    facts.protocol = {answer[0], answer[1]};
}

struct KnownReader {
    unsigned vendor, product;
    const char* name;
};
// Common readers without a CCID interface (USB ids from nfcpy and the USB id list).
constexpr KnownReader without_ccid[] = {
    {0x054C, 0x0193, "Sony PaSoRi (PN531)"},         {0x054C, 0x01BB, "Sony PaSoRi RC-S320"},
    {0x054C, 0x02E1, "Sony PaSoRi RC-S330/360/370"}, {0x054C, 0x06C1, "Sony PaSoRi RC-S380/S"},
    {0x054C, 0x06C3, "Sony PaSoRi RC-S380/P"},
};

unsigned hex_number(const path& file) { return static_cast<unsigned>(std::strtoul(content(file).c_str(), nullptr, 16)); }

bool has_ccid_interface(const path& device) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(device, error))
        if (entry.path().filename().string().find(':') != std::string::npos &&
            hex_number(entry.path() / "bInterfaceClass") == 0x0B)
            return true;
    return false;
}

}  // namespace

PcscFacts look_at_pcsc(const Places& places) {
    PcscFacts facts;
    if (const auto said = output_of({"pcscd", "--version"})) {
        facts.pcscd_installed = true;
        facts.pcscd = version_behind(*said, "version");
    }
    facts.ccid = ccid_version(places.root);
    greet(facts);
    PcscContext context;
    facts.answers = context.open();
    facts.over_ssh = ::secure_getenv("SSH_CONNECTION") != nullptr;
    return facts;
}

std::vector<UsbReader> look_at_usb(const Places& places) {
    std::vector<UsbReader> readers;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(places.root / "sys/bus/usb/devices", error)) {
        UsbReader reader{hex_number(entry.path() / "idVendor"), hex_number(entry.path() / "idProduct"),
                         has_ccid_interface(entry.path()), nullptr};
        for (const KnownReader& known : without_ccid)
            if (known.vendor == reader.vendor && known.product == reader.product) reader.name = known.name;
        if (reader.vendor != 0 && (reader.ccid || reader.name != nullptr)) readers.push_back(reader);
    }
    return readers;
}

}  // namespace jpki::tool
