// A file that is complete or absent: written next to its final name and renamed at the end.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

namespace jpki::tool {

class OutputFile {
public:
    // Throws Failure(file_error): a directory that cannot be written, a name of something other than a regular
    // file. `mode` as for open(2), before the umask.
    OutputFile(const std::string& path, mode_t mode);
    ~OutputFile();  // without commit() no file stays
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    // Throws Failure(file_error), for example on a full disk.
    void write(std::string_view bytes);
    // Syncs the file and gives it its name. Replaces an older file of that name.
    void commit();

private:
    [[noreturn]] void fail(int error) const;

    std::string path_, temporary_;
    int descriptor_ = -1;
};

}  // namespace jpki::tool
