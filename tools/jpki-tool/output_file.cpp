#include "output_file.hpp"

#include "exit_status.hpp"
#include "i18n.hpp"
#include "text.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki::tool {

void OutputFile::fail(int error) const {
    throw Failure(Exit::file_error, fill(_("Cannot write {0}: {1}"), {printable(path_), std::strerror(error)}));
}

OutputFile::OutputFile(const std::string& path, mode_t mode) : path_(path), temporary_(path + ".XXXXXX") {
    struct stat before {};
    if (::stat(path.c_str(), &before) == 0 && !S_ISREG(before.st_mode))
        throw Failure(Exit::file_error, fill(_("Cannot write {0}: not a regular file."), {printable(path_)}));
    descriptor_ = ::mkostemp(temporary_.data(), O_CLOEXEC);  // 0600 until it is complete
    if (descriptor_ < 0) {
        const int error = errno;
        temporary_.clear();
        fail(error);
    }
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(descriptor_, mode & ~mask) != 0) {
        const int error = errno;
        ::close(descriptor_);
        ::unlink(temporary_.c_str());
        fail(error);
    }
}

OutputFile::~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail(written == 0 ? ENOSPC : errno);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void OutputFile::commit() {
    if (::fsync(descriptor_) != 0) fail(errno);
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) fail(errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
    temporary_.clear();
}

}  // namespace jpki::tool
