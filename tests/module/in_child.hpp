// A child after fork.
#pragma once

#include <cstdio>
#include <functional>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace jpki::test {

// Runs `work` in a child, whose exit status is its result; -1 if the child ended in another way.
inline int in_child(const std::function<int()>& work) {
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::alarm(30);  // a child that hangs is a failure, not a long wait
        ::_exit(work());
    }
    int status = 0;
    return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace jpki::test
