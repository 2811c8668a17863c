// Which programs are connected to pcscd, as far as /proc and the kernel tell this user.
#pragma once

#include <string>
#include <vector>

namespace jpki::tool {

struct Holder {
    int pid = 0;
    std::string program;  // /proc/PID/comm
};

// Processes other than this one with a connection to the socket at `path`. Those of other users are visible to root only.
std::vector<Holder> connected_to(const std::string& path);

// The socket that libpcsclite connects to: PCSCLITE_CSOCK_NAME, or the place that is compiled into it.
std::string pcscd_socket();

}  // namespace jpki::tool
