// SIGINT, SIGTERM and SIGHUP end a command at the next safe point: first the card's security status is reset and the
// terminal restored, then the process ends by the same signal.
#pragma once

namespace jpki::tool {

struct Interrupted {
    int signal;
};

class Signals {
public:
    // Installs the handlers; SIGPIPE is ignored, so that a closed pipe is a failed write. Once per process.
    Signals();

    // Throws Interrupted after a signal.
    void check() const;
    // Readable after a signal: for poll().
    int descriptor() const noexcept { return pipe_[0]; }

private:
    int pipe_[2] = {-1, -1};
};

// Ends the process as `signal` would have ended it.
[[noreturn]] void end_by(int signal);

}  // namespace jpki::tool
