// Where the tests' small files are.
#pragma once

#include <unistd.h>

#include <string>

namespace jpki::test {

// In memory if possible: there are thousands of these files, and a file system on a disk takes half a millisecond to remove one.
inline std::string temporary_directory() { return ::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp"; }

}  // namespace jpki::test
