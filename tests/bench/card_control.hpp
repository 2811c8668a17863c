// The client of the virtual card's control socket, for a program that measures.
#pragma once

#include <cstddef>
#include <string>

namespace jpki::bench {

struct Counts {
    std::size_t commands = 0;
    std::size_t bytes = 0;  // both directions
    std::size_t signatures = 0;

    Counts& operator+=(const Counts& other);
    Counts operator-(const Counts& other) const;
};

class CardControl {
public:
    explicit CardControl(const std::string& socket_path);  // throws std::runtime_error if no virtual card listens
    ~CardControl();
    CardControl(const CardControl&) = delete;
    CardControl& operator=(const CardControl&) = delete;

    // One command; throws std::runtime_error if the answer is an error.
    std::string ask(const std::string& command);
    Counts counts();
    bool authentication_verified() { return status_says("auth-verified=yes"); }
    bool signature_verified() { return status_says("sign-verified=yes"); }
    // No login and no selected file, as after another program: the state that one row leaves on the
    // card must not help the next.
    void forget_everything() { ask("other-application"); }

private:
    bool status_says(const std::string& words) { return ask("status").find(words) != std::string::npos; }

    int socket_ = -1;
};

}  // namespace jpki::bench
