// Which programs are connected to pcscd or have files open, as far as /proc and the kernel tell this user.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace jpki::tool {

struct Holder {
    int pid = 0;
    std::string program;  // /proc/PID/comm
};

// Processes other than this one with a connection to the socket at `path`. Those of other users are visible to root only.
std::vector<Holder> connected_to(const std::string& path);

// /proc/PID/comm; empty when there is no such process.
std::string program_name(int pid);

// A process other than this one that has a file of `directory` open. Those of other users are seen by root only.
std::optional<Holder> with_open_file_in(const std::filesystem::path& directory);

// The socket that libpcsclite connects to: PCSCLITE_CSOCK_NAME, or the place that is compiled into it.
std::string pcscd_socket();

}  // namespace jpki::tool
