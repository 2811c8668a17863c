#include "pin_entry.hpp"

#include "i18n.hpp"

#include "apdu/facts.hpp"

#include <openssl/crypto.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace jpki::tool {

namespace {

// A line, byte by byte: no PIN stays in a buffer, and bytes after the line are left for the next reader.
// False at the end of the input without a line.
bool read_line(int descriptor, const Signals& signals, Entered& entered) {
    bool any = false;
    for (;;) {
        wait_readable(descriptor, signals);
        char byte = 0;
        const auto got = ::read(descriptor, &byte, 1);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) throw Failure(Exit::usage, fill(_("Cannot read the PIN: {0}"), {std::strerror(errno)}));
        if (got == 0) return any;
        if (byte == '\n') return true;
        any = true;
        if (byte != '\r' && !entered.bytes.append(static_cast<std::uint8_t>(byte))) entered.too_long = true;
        OPENSSL_cleanse(&byte, sizeof byte);
    }
}

class DescriptorSource final : public PinSource {
public:
    DescriptorSource(int descriptor, const Signals& signals) : descriptor_(descriptor), signals_(signals) {}

    void ask(const PinRequest&, Entered& entered) override {
        if (!read_line(descriptor_, signals_, entered))
            throw Failure(Exit::pin_not_sent, _("No PIN on the descriptor given by --pin-fd; nothing was sent to the card."));
    }
    bool by_a_person() const noexcept override { return false; }

private:
    int descriptor_;
    const Signals& signals_;
};

// Echo off during its lifetime; restored on every path, signals included (they are exceptions here).
class Quiet {
public:
    explicit Quiet(int terminal) : terminal_(terminal) {
        if (::tcgetattr(terminal_, &before_) != 0) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
        quiet.c_lflag |= ICANON | ISIG;
        quiet.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped process would leave the shell without echo
        changed_ = ::tcsetattr(terminal_, TCSAFLUSH, &quiet) == 0;
    }
    ~Quiet() {
        if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    bool quiet() const noexcept { return changed_; }

private:
    int terminal_;
    termios before_{};
    bool changed_ = false;
};

class TerminalSource final : public PinSource {
public:
    explicit TerminalSource(const Signals& signals) : signals_(signals) {}
    ~TerminalSource() override {
        if (terminal_ >= 0) ::close(terminal_);
    }
    TerminalSource(const TerminalSource&) = delete;
    TerminalSource& operator=(const TerminalSource&) = delete;

    void ask(const PinRequest& request, Entered& entered) override {
        open();
        if (request.title != title_) say(request.title + "\n");
        title_ = request.title;
        if (!request.detail.empty() && request.detail != detail_) say(request.detail + "\n");
        detail_ = request.detail;
        const Quiet quiet(terminal_);
        if (!quiet.quiet()) throw Failure(Exit::usage, _("The terminal cannot turn its echo off; nothing was asked."));
        say(request.prompt + ": ");
        const bool line = read_line(terminal_, signals_, entered);
        say("\n");
        if (!line) throw Failure(Exit::pin_not_sent, _("PIN entry cancelled; nothing was sent to the card."));
    }

private:
    void open() {
        if (terminal_ >= 0) return;
        terminal_ = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (terminal_ < 0)
            throw Failure(Exit::usage, _("There is no terminal to ask for the PIN on. Use --pin-fd or --pinentry."));
    }
    void say(const std::string& text) { [[maybe_unused]] const auto written = ::write(terminal_, text.data(), text.size()); }

    const Signals& signals_;
    int terminal_ = -1;
    std::string title_, detail_;
};

}  // namespace

std::string pin_name(KeyUse use) {
    return use == KeyUse::authentication ? _("PIN for user authentication (4 digits)")
                                         : _("password for digital signature (6 to 16 letters and digits)");
}

void wait_readable(int descriptor, const Signals& signals) {
    for (;;) {
        signals.check();
        pollfd fds[2] = {{descriptor, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}};
        const int ready = ::poll(fds, 2, -1);
        signals.check();
        if (ready > 0 && fds[0].revents != 0) return;
        if (ready < 0 && errno != EINTR) return;  // the read tells
    }
}

std::unique_ptr<PinSource> make_pin_source(const PinOptions& options, Output&, const Signals& signals) {
    if (options.descriptor >= 0) return std::make_unique<DescriptorSource>(options.descriptor, signals);
    if (options.pinentry) return make_pinentry(options.pinentry_program, signals);
    return std::make_unique<TerminalSource>(signals);
}

}  // namespace jpki::tool
