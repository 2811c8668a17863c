#include "kept_keys.hpp"

#include "openssl_pointers.hpp"

#include <openssl/pem.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace jpki::model {

namespace {

namespace fs = std::filesystem;

using FilePointer = std::unique_ptr<std::FILE, Freer<std::fclose>>;

EVP_PKEY* read_key(const fs::path& path) {
    const FilePointer file(std::fopen(path.c_str(), "re"));
    return file ? PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr) : nullptr;
}

// Whole or not at all: the file gets its name when it is complete.
void write_key(const fs::path& path, EVP_PKEY* key) {
    std::error_code ignored;
    fs::create_directories(path.parent_path(), ignored);
    fs::path scratch = path;
    scratch += "." + std::to_string(::getpid());
    const int descriptor = ::open(scratch.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FilePointer file(descriptor < 0 ? nullptr : ::fdopen(descriptor, "w"));
    if (!file) return;
    const bool written =
        PEM_write_PKCS8PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1 && std::fflush(file.get()) == 0;
    file.reset();
    if (written) fs::rename(scratch, path, ignored);
    else fs::remove(scratch, ignored);
}

}  // namespace

EVP_PKEY* kept_key(const std::string& name, const std::function<EVP_PKEY*()>& generate) {
    const char* cache = std::getenv("JPKI_TEST_PKI_CACHE");
    if (cache == nullptr || *cache == '\0') return generate();
    const fs::path path = fs::path(cache) / "keys" / (name + ".pem");
    if (EVP_PKEY* key = read_key(path)) return key;
    EVP_PKEY* key = generate();
    if (key != nullptr) write_key(path, key);
    return key;
}

}  // namespace jpki::model
