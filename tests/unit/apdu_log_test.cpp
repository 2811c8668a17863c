// The log writes only to its configured target; it does not block and raises no signal.
#include "apdu/log.hpp"
#include "apdu/log_text.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdio>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace jpki;

namespace {

struct Directory {
    std::string path;
    Directory() {
        char name[] = "/tmp/jpki-log-test-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string file(const char* name) const { return path + "/" + name; }
};

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool opens(const std::string& path) { return Log().open(path, LogLevel::info); }

// Runs `f` in its own process, since it closes descriptors or may be killed by a signal. Returns its wait status.
template <class F> int in_child(F&& f) {
    std::fflush(nullptr);  // the parent's buffered output must not be written by the child
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);  // instead of waiting forever
        f();
        ::_exit(0);
    }
    int status = -1;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    return status;
}

// Makes `descriptor` the standard error of this process during its lifetime.
struct StandardError {
    int kept = ::dup(STDERR_FILENO);
    explicit StandardError(int descriptor) { ::dup2(descriptor, STDERR_FILENO); }
    ~StandardError() {
        ::dup2(kept, STDERR_FILENO);
        ::close(kept);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(log_target)

BOOST_AUTO_TEST_CASE(file_is_created_with_mode_600_and_appended_to) {
    const Directory directory;
    for (int i = 0; i < 2; ++i) {
        Log log;
        BOOST_REQUIRE(log.open(directory.file("log"), LogLevel::info));
        log.error("one");
        log.info("two");
        log.debug("three");
    }
    const std::string text = content(directory.file("log"));
    BOOST_CHECK_EQUAL(std::count(text.begin(), text.end(), '\n'), 4);
    BOOST_CHECK(text.find("three") == std::string::npos);
    struct stat status {};
    BOOST_REQUIRE(::stat(directory.file("log").c_str(), &status) == 0);
    BOOST_CHECK_EQUAL(status.st_mode & 07777, 0600u);
}

BOOST_AUTO_TEST_CASE(text_is_one_line_of_printable_characters_and_cut_at_400) {
    const Directory directory;
    Log log;
    BOOST_REQUIRE(log.open(directory.file("log"), LogLevel::info));
    log.info(
        "a\nb\x1B\x7F"
        "c\r");
    log.info(std::string(1000, 'x'));
    const std::string text = content(directory.file("log"));
    BOOST_CHECK_EQUAL(std::count(text.begin(), text.end(), '\n'), 2);
    BOOST_CHECK(text.find(" info: a?b??c?\n") != std::string::npos);
    BOOST_CHECK_EQUAL(std::count(text.begin(), text.end(), 'x'), 400);
}

BOOST_AUTO_TEST_CASE(file_that_is_not_regular_is_rejected_without_waiting) {
    const Directory directory;
    BOOST_REQUIRE(::mkfifo(directory.file("fifo").c_str(), 0600) == 0);
    BOOST_REQUIRE(::symlink(directory.file("target").c_str(), directory.file("link").c_str()) == 0);
    const auto begin = std::chrono::steady_clock::now();
    for (const std::string& path :
         {directory.file("fifo"), directory.file("link"), directory.path, std::string("/dev/null"), std::string("/dev/full"),
          directory.file("no/directory"), std::string(), std::string("/tmp/a\0b", 8)})
        BOOST_CHECK_MESSAGE(!opens(path), path);
    // The same with a reader at the other end.
    const int reader = ::open(directory.file("fifo").c_str(), O_RDONLY | O_NONBLOCK);
    BOOST_CHECK(!opens(directory.file("fifo")));
    ::close(reader);
    BOOST_CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    BOOST_CHECK(!std::filesystem::exists(directory.file("target")));
}

BOOST_AUTO_TEST_CASE(file_with_two_links_is_rejected) {
    const Directory directory;
    std::ofstream(directory.file("precious")) << "text";
    BOOST_REQUIRE(::link(directory.file("precious").c_str(), directory.file("log").c_str()) == 0);
    BOOST_CHECK(!opens(directory.file("log")));
    BOOST_CHECK_EQUAL(content(directory.file("precious")), "text");
}

BOOST_AUTO_TEST_CASE(file_of_another_user_is_rejected_even_if_world_writable) {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("not root: there is no other user's file to be had");
        return;
    }
    const Directory directory;
    constexpr uid_t nobody = 65534;
    std::ofstream(directory.file("log")) << "";
    BOOST_REQUIRE(::chmod(directory.file("log").c_str(), 0666) == 0 && ::chmod(directory.path.c_str(), 0777) == 0);
    // Root's file for another user, and another user's for root.
    BOOST_CHECK_EQUAL(in_child([&] {
                          if (::setresuid(nobody, nobody, nobody) != 0 || opens(directory.file("log"))) ::_exit(1);
                      }),
                      0);
    BOOST_REQUIRE(::chown(directory.file("log").c_str(), nobody, nobody) == 0);
    BOOST_CHECK(!opens(directory.file("log")));
    BOOST_CHECK_EQUAL(in_child([&] {
                          if (::setresuid(nobody, nobody, nobody) != 0 || !opens(directory.file("log"))) ::_exit(1);
                      }),
                      0);
}

BOOST_AUTO_TEST_CASE(log_survives_closefrom_and_writes_into_no_file_of_host) {
    const Directory directory;
    BOOST_CHECK_EQUAL(in_child([&] {
                          Log log;
                          if (!log.open(directory.file("log"), LogLevel::info)) ::_exit(1);
                          log.info("before");
                          ::closefrom(0);
                          // Takes every free number, also the standard ones.
                          for (int i = 0; i < 20; ++i)
                              ::open(directory.file("hosts").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
                          log.info("after");
                      }),
                      0);
    BOOST_CHECK_EQUAL(content(directory.file("hosts")), "");
    BOOST_CHECK(content(directory.file("log")).find("after") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(log_works_with_all_standard_descriptors_closed) {
    const Directory directory;
    BOOST_CHECK_EQUAL(in_child([&] {
                          ::closefrom(0);
                          Log log;
                          if (!log.open(directory.file("log"), LogLevel::info)) ::_exit(1);
                          log.info("line");
                          if (::fcntl(0, F_GETFD) != -1 || ::fcntl(3, F_GETFD) != -1) ::_exit(2);  // nothing is kept open
                          const rlimit standard_ones{3, 3};
                          if (::setrlimit(RLIMIT_NOFILE, &standard_ones) != 0) ::_exit(3);
                          log.info("unseen");  // not through one of these, not even for a moment
                      }),
                      0);
    BOOST_CHECK(content(directory.file("log")).find(" line") != std::string::npos);
    BOOST_CHECK(content(directory.file("log")).find("unseen") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(standard_error_replaced_by_another_file_is_not_written_to) {
    const Directory directory;
    const int first = ::open(directory.file("first").c_str(), O_WRONLY | O_CREAT, 0600),
              second = ::open(directory.file("second").c_str(), O_WRONLY | O_CREAT, 0600);
    Log log;
    {
        const StandardError is_first(first);
        BOOST_REQUIRE(log.open("stderr", LogLevel::info));
        log.info("seen");
    }
    {
        const StandardError is_second(second);
        log.info("unseen");
    }
    BOOST_CHECK(content(directory.file("first")).find(" seen") != std::string::npos);
    BOOST_CHECK_EQUAL(content(directory.file("second")), "");
    ::close(first);
    ::close(second);
}

BOOST_AUTO_TEST_CASE(closed_pipe_or_socket_as_standard_error_does_not_end_process) {
    for (const bool socket : {false, true}) {
        const int status = in_child([&] {
            int ends[2];
            if ((socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : ::pipe(ends)) != 0) ::_exit(1);
            ::signal(SIGPIPE, SIG_DFL);
            ::dup2(ends[1], STDERR_FILENO);
            Log log;
            if (!log.open("stderr", LogLevel::info)) ::_exit(2);
            ::close(ends[0]);
            errno = 77;
            log.info("line");
            if (errno != 77) ::_exit(3);
            sigset_t now;
            pthread_sigmask(SIG_BLOCK, nullptr, &now);
            if (sigismember(&now, SIGPIPE) != 0) ::_exit(4);
        });
        BOOST_CHECK_EQUAL(status, 0);
    }
}

BOOST_AUTO_TEST_CASE(pending_sigpipe_stays_pending) {
    BOOST_CHECK_EQUAL(in_child([] {
                          int ends[2];
                          if (::pipe(ends) != 0) ::_exit(1);
                          ::dup2(ends[1], STDERR_FILENO);
                          Log log;
                          if (!log.open("stderr", LogLevel::info)) ::_exit(2);
                          sigset_t pipe, pending;
                          sigemptyset(&pipe);
                          sigaddset(&pipe, SIGPIPE);
                          pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
                          ::raise(SIGPIPE);
                          ::close(ends[0]);
                          log.info("line");
                          sigpending(&pending);
                          if (sigismember(&pending, SIGPIPE) != 1) ::_exit(3);
                      }),
                      0);
}

BOOST_AUTO_TEST_CASE(full_pipe_as_standard_error_does_not_block) {
    BOOST_CHECK_EQUAL(in_child([] {
                          int ends[2];
                          if (::pipe(ends) != 0) ::_exit(1);
                          ::dup2(ends[1], STDERR_FILENO);
                          Log log;
                          if (!log.open("stderr", LogLevel::info)) ::_exit(2);
                          for (int i = 0; i < 10000; ++i) log.info("a line without a reader");
                      }),
                      0);
}

BOOST_AUTO_TEST_CASE(file_size_limit_does_not_end_process) {
    const Directory directory;
    BOOST_CHECK_EQUAL(in_child([&] {
                          Log log;
                          if (!log.open(directory.file("log"), LogLevel::info)) ::_exit(1);
                          const rlimit small{10, 10};
                          if (::setrlimit(RLIMIT_FSIZE, &small) != 0) ::_exit(2);
                          for (int i = 0; i < 3; ++i) log.info("line");
                      }),
                      0);
}

BOOST_AUTO_TEST_CASE(log_file_stops_at_its_maximum_size) {
    const Directory directory;
    Log log;
    BOOST_REQUIRE(log.open(directory.file("log"), LogLevel::info));
    BOOST_REQUIRE(::truncate(directory.file("log").c_str(), LogTarget::size_max - 1) == 0);
    log.info("the last line");
    const auto size = std::filesystem::file_size(directory.file("log"));
    BOOST_CHECK_GT(size, static_cast<std::uintmax_t>(LogTarget::size_max));
    log.info("one too many");
    BOOST_CHECK_EQUAL(std::filesystem::file_size(directory.file("log")), size);
}

BOOST_AUTO_TEST_CASE(relative_path_stays_where_it_was) {
    const Directory directory;
    BOOST_CHECK_EQUAL(in_child([&] {
                          Log log;
                          if (::chdir(directory.path.c_str()) != 0 || !log.open("log", LogLevel::info) || ::chdir("/") != 0)
                              ::_exit(1);
                          log.info("line");
                      }),
                      0);
    BOOST_CHECK(content(directory.file("log")).find("line") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(log_text_has_both_parts_and_is_cut_at_400_bytes) {
    const std::string a(300, 'a'), b(300, 'b');
    BOOST_CHECK_EQUAL(std::string(std::string_view(jpki::LogText("a", "b"))), "ab");
    BOOST_CHECK_EQUAL(std::string(std::string_view(jpki::LogText(a, b))), (a + b).substr(0, 400));
    BOOST_CHECK_EQUAL(std::string(std::string_view(jpki::LogText(a + b, a))), (a + b).substr(0, 400));
}

BOOST_AUTO_TEST_SUITE_END()
