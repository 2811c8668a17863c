#include "run_program.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

extern "C" char** environ;

namespace jpki::tool {

namespace {

constexpr std::size_t output_limit = 1'000'000;

// -1 when it cannot be run.
pid_t start(const std::vector<std::string>& command, int output, bool with_errors) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (with_errors) {
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    } else {
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t child = -1;
    int error = ENOENT;
    for (const std::string& program : {command[0], "/usr/sbin/" + command[0], "/sbin/" + command[0]}) {
        error = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
        if (error == 0) break;
    }
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 ? child : -1;
}

// Reads until the program closes its output; false when it takes too long or a signal comes.
bool collect(int from, const ProgramOptions& options, std::string& output) {
    std::array<char, 4096> buffer{};
    std::array<pollfd, 2> waiting{pollfd{from, POLLIN, 0},
                                  pollfd{options.signals != nullptr ? options.signals->descriptor() : -1, POLLIN, 0}};
    while (output.size() < output_limit) {
        const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(options.patience.count()));
        if (ready < 0 && errno == EINTR && options.signals == nullptr) continue;
        if (ready <= 0 || waiting[1].revents != 0) return false;
        const auto got = ::read(from, buffer.data(), buffer.size());
        if (got <= 0) return true;
        output.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return false;
}

}  // namespace

std::optional<ProgramResult> run_program(const std::vector<std::string>& command, const ProgramOptions& options) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) return std::nullopt;
    const pid_t child = start(command, pipe[1], options.with_errors);
    ::close(pipe[1]);
    ProgramResult result;
    if (child > 0) {
        result.ended = collect(pipe[0], options, result.output);
        if (!result.ended) ::kill(child, SIGKILL);
    }
    ::close(pipe[0]);
    if (child <= 0) return std::nullopt;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (result.ended && WIFEXITED(status) && WEXITSTATUS(status) == 127) return std::nullopt;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

bool is_installed(const std::string& program) {
    const char* variable = std::getenv("PATH");
    std::istringstream places((variable != nullptr ? variable : "/usr/bin:/bin") + std::string(":/usr/sbin:/sbin"));
    for (std::string place; std::getline(places, place, ':');)
        if (::access((place + "/" + program).c_str(), X_OK) == 0) return true;
    return false;
}

std::optional<std::string> output_of(const std::vector<std::string>& command) {
    const auto result = run_program(command);
    return result ? std::optional(result->output) : std::nullopt;
}

}  // namespace jpki::tool
