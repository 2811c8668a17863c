// A pinentry program (GnuPG's PIN dialog), by the Assuan protocol on its standard input and output.
#include "i18n.hpp"
#include "pin_entry.hpp"

#include <openssl/crypto.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" char** environ;

namespace jpki::tool {

namespace {

[[noreturn]] void cannot_run(const std::string& program, int error) {
    throw Failure(Exit::usage, fill(_("Cannot run {0}: {1}"), {program, std::strerror(error)}));
}

// Assuan: percent, CR and LF are escaped; a line has at most 1000 bytes.
std::string escaped(const std::string& text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string result;
    for (const char c : text.substr(0, 300)) {
        if (c == '%' || static_cast<unsigned char>(c) < 0x20) {
            result += {'%', digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
        } else {
            result += c;
        }
    }
    return result;
}

class Pinentry final : public PinSource {
public:
    Pinentry(const std::string& program, const Signals& signals) : program_(program), signals_(signals) {}
    ~Pinentry() override { end(); }
    Pinentry(const Pinentry&) = delete;
    Pinentry& operator=(const Pinentry&) = delete;

    void ask(const PinRequest& request, Entered& entered) override {
        if (child_ < 0) start();
        command("SETTITLE jpki-tool");
        command("SETDESC " + escaped(request.title + (request.detail.empty() ? "" : "\n" + request.detail)));
        command("SETPROMPT " + escaped(request.prompt + ":"));
        send("GETPIN");
        if (!reply(&entered)) throw Failure(Exit::pin_not_sent, _("PIN entry cancelled; nothing was sent to the card."));
    }

private:
    void start();
    void end() noexcept;
    void send(const std::string& line);
    // Continue if a pinentry does not know an option.
    void command(const std::string& line) {
        send(line);
        reply(nullptr);
    }
    bool reply(Entered* pin);
    char next();
    void take_data(Entered* pin);

    std::string program_;
    const Signals& signals_;
    pid_t child_ = -1;
    int to_ = -1, from_ = -1;
};

void Pinentry::start() {
    int input[2], output[2];
    if (::pipe2(input, O_CLOEXEC) != 0) cannot_run(program_, errno);
    if (::pipe2(output, O_CLOEXEC) != 0) {
        ::close(input[0]);
        ::close(input[1]);
        cannot_run(program_, errno);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    char* arguments[] = {program_.data(), nullptr};
    const int error = ::posix_spawnp(&child_, program_.c_str(), &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ::close(input[0]);
    ::close(output[1]);
    to_ = input[1];
    from_ = output[0];
    if (error != 0) {
        child_ = -1;
        end();
        cannot_run(program_, error);
    }
    if (!reply(nullptr)) throw Failure(Exit::usage, fill(_("{0} did not start."), {program_}));
    if (const char* terminal = ::ttyname(STDERR_FILENO)) command("OPTION ttyname=" + escaped(terminal));
    if (const char* type = std::getenv("TERM")) command("OPTION ttytype=" + escaped(type));
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
        if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
            command("OPTION lc-ctype=" + escaped(value));
            break;
        }
}

// Ended and waited for: no process that displays a PIN stays.
void Pinentry::end() noexcept {
    if (to_ >= 0) ::close(to_);
    if (from_ >= 0) ::close(from_);
    to_ = from_ = -1;
    if (child_ < 0) return;
    ::kill(child_, SIGTERM);
    int status = 0;
    for (int i = 0; i < 20; ++i) {
        if (::waitpid(child_, &status, WNOHANG) != 0) return;
        ::usleep(50'000);
    }
    ::kill(child_, SIGKILL);
    ::waitpid(child_, &status, 0);
}

void Pinentry::send(const std::string& line) {
    const std::string bytes = line + "\n";
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const auto written = ::write(to_, bytes.data() + sent, bytes.size() - sent);
        if (written < 0 && errno == EINTR) {
            signals_.check();
            continue;
        }
        if (written <= 0) throw Failure(Exit::pin_not_sent, fill(_("{0} ended; nothing was sent to the card."), {program_}));
        sent += static_cast<std::size_t>(written);
    }
}

char Pinentry::next() {
    for (;;) {
        wait_readable(from_, signals_);
        char byte = 0;
        const auto got = ::read(from_, &byte, 1);
        if (got == 1) return byte;
        if (got < 0 && errno == EINTR) continue;
        throw Failure(Exit::pin_not_sent, fill(_("{0} ended; nothing was sent to the card."), {program_}));
    }
}

// The rest of a "D " line: percent-escaped bytes.
void Pinentry::take_data(Entered* pin) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
    };
    for (;;) {
        char byte = next();
        if (byte == '\n') return;
        if (byte == '%') {
            const int high = digit(next());
            byte = static_cast<char>(high << 4 | digit(next()));
        }
        if (pin != nullptr && !pin->bytes.append(static_cast<std::uint8_t>(byte))) pin->too_long = true;
        OPENSSL_cleanse(&byte, sizeof byte);
    }
}

// True for OK, false for ERR. Comments and status lines are passed over.
bool Pinentry::reply(Entered* pin) {
    for (int lines = 0; lines < 100; ++lines) {
        char word[4] = {};
        std::size_t length = 0;
        char c = next();
        while (c != '\n' && c != ' ' && length < sizeof word - 1) {
            word[length++] = c;
            c = next();
        }
        if (std::strcmp(word, "D") == 0 && c == ' ') {
            take_data(pin);
            continue;
        }
        while (c != '\n') c = next();
        if (std::strcmp(word, "OK") == 0) return true;
        if (std::strcmp(word, "ERR") == 0) return false;
    }
    throw Failure(Exit::pin_not_sent, fill(_("{0} gave an invalid answer; nothing was sent to the card."), {program_}));
}

}  // namespace

std::unique_ptr<PinSource> make_pinentry(const std::string& program, const Signals& signals) {
    return std::make_unique<Pinentry>(program, signals);
}

}  // namespace jpki::tool
