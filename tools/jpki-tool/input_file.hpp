// Files that are read once, from beginning to end, in constant memory.
#pragma once

#include "output.hpp"
#include "signals.hpp"

#include "apdu/bytes.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <sys/stat.h>

namespace jpki::tool {

class ByteSource {
public:
    virtual ~ByteSource() = default;
    // At most this many bytes; 0 only at the end.
    virtual std::size_t read(std::span<std::uint8_t> into) = 0;
};

class InputFile final : public ByteSource {
public:
    // "-" is standard input. Throws Failure(file_error), also for anything but a regular file: a FIFO or a device may
    // never end, and cannot be read twice.
    InputFile(const std::string& path, const Signals& signals, Output& output);
    ~InputFile() override;
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    const std::string& path() const noexcept { return path_; }
    // Size of a regular file in bytes when it was opened.
    std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(opened_.st_size); }
    bool is_standard_input() const noexcept { return descriptor_ == 0; }
    bool is_same_file(const std::string& path) const;
    // Back to the start. For a regular file.
    void rewind();

    // Shows progress for a file that takes long. Throws Failure(file_error), at the end also when the file was changed since it
    // was opened, and Interrupted.
    std::size_t read(std::span<std::uint8_t> into) override;

private:
    [[noreturn]] void fail(int error) const;
    void check_unchanged() const;
    void show_progress();

    std::string path_;
    const Signals& signals_;
    Output& output_;
    int descriptor_ = -1;
    struct stat opened_ {};
    std::uint64_t done_ = 0;
    std::chrono::steady_clock::time_point shown_;
};

}  // namespace jpki::tool
