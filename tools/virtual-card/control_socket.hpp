// The Unix socket on which a running virtual card takes commands: one line in, one line out.
#pragma once

#include "unique_fd.hpp"

#include <list>
#include <string>
#include <vector>

#include <poll.h>

namespace jpki::virtual_card {

class ControlSocket {
public:
    struct Client {
        UniqueFd socket;
        std::string received;
        bool waiting = false;  // its command is being carried out; the answer follows
        bool closed = false;
    };

    ControlSocket() = default;
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;
    ~ControlSocket();  // unlinks the socket

    // Mode 0600. Replaces a socket on which no process listens; throws std::runtime_error otherwise.
    void listen(const std::string& path);
    void add_to(std::vector<pollfd>& descriptors) const;
    // Accepts, reads and drops clients, without waiting.
    void serve();
    std::list<Client>& clients() { return clients_; }

    // The next line of a client, if a complete one has arrived.
    static bool next_line(Client& client, std::string& line);
    static void answer(Client& client, const std::string& line);

private:
    std::string path_;
    UniqueFd listener_;
    std::list<Client> clients_;
};

// The client, for scripts: sends the command, prints the answer. Returns 0, or 1 for an answer that begins with "error"
// or if no virtual card listens.
int run_control_client(const std::string& path, const std::string& command);

}  // namespace jpki::virtual_card
