#include "signals.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace jpki::tool {

namespace {

volatile std::sig_atomic_t received = 0;
int wake_descriptor = -1;

extern "C" void on_signal(int signal) {
    const int saved = errno;
    received = signal;
    const char byte = 0;
    [[maybe_unused]] const auto written = ::write(wake_descriptor, &byte, 1);
    errno = saved;
}

}  // namespace

Signals::Signals() {
    if (::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    wake_descriptor = pipe_[1];
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = 0;  // blocking calls return EINTR
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction before {};
        ::sigaction(signal, nullptr, &before);
        if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);  // nohup stays effective
    }
    std::signal(SIGPIPE, SIG_IGN);
}

void Signals::check() const {
    if (received != 0) throw Interrupted{static_cast<int>(received)};
}

void end_by(int signal) {
    std::signal(signal, SIG_DFL);
    ::raise(signal);
    std::_Exit(128 + signal);
}

}  // namespace jpki::tool
