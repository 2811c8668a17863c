// A TestPki in a directory: <name>.der for the certificates, <name>.key (PKCS#8 PEM) for the keys.
#include "openssl_pointers.hpp"
#include "test_pki.hpp"

#include <openssl/pem.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

namespace jpki::model {

namespace {

namespace fs = std::filesystem;

using FilePointer = std::unique_ptr<std::FILE, Freer<std::fclose>>;

// Created with mode 0600: a later chmod would leave the key readable for a moment.
FilePointer create_private(const fs::path& path) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FilePointer file(descriptor < 0 ? nullptr : ::fdopen(descriptor, "w"));
    if (!file) throw std::runtime_error("cannot write " + path.string());
    return file;
}

void save_certificate(const fs::path& path, const std::vector<std::uint8_t>& der) {
    const FilePointer file = create_private(path);
    if (std::fwrite(der.data(), 1, der.size(), file.get()) != der.size() || std::fflush(file.get()) != 0)
        throw std::runtime_error("cannot write " + path.string());
}

void save_key(const fs::path& path, EVP_PKEY* key) {
    const FilePointer file = create_private(path);
    if (PEM_write_PKCS8PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1 || std::fflush(file.get()) != 0)
        throw std::runtime_error("cannot write " + path.string());
}

std::vector<std::uint8_t> load_certificate(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> der{std::istreambuf_iterator<char>(file), {}};
    const unsigned char* bytes = der.data();
    const CertificatePointer certificate(der.empty() ? nullptr : d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
    if (!certificate) throw std::runtime_error("no certificate in " + path.string());
    return der;
}

EVP_PKEY* load_key(const fs::path& path) {
    const FilePointer file(std::fopen(path.c_str(), "re"));
    EVP_PKEY* key = file ? PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr) : nullptr;
    if (key == nullptr) throw std::runtime_error("no key in " + path.string());
    return key;
}

}  // namespace

std::shared_ptr<const TestPki> TestPki::load(const std::string& directory) {
    const fs::path path(directory);
    auto pki = std::make_shared<TestPki>();
    pki->authentication_certificate = load_certificate(path / "authentication.der");
    pki->signature_certificate = load_certificate(path / "signature.der");
    pki->authentication_ca = load_certificate(path / "authentication_ca.der");
    pki->signature_ca = load_certificate(path / "signature_ca.der");
    pki->authentication_key = load_key(path / "authentication.key");
    pki->signature_key = load_key(path / "signature.key");
    pki->authentication_ca_key = load_key(path / "authentication_ca.key");
    pki->signature_ca_key = load_key(path / "signature_ca.key");
    return pki;
}

void TestPki::save(const std::string& directory) const {
    const fs::path path(directory);
    if (!fs::exists(path)) {
        fs::create_directories(path);
        fs::permissions(path, fs::perms::owner_all);
    }
    save_certificate(path / "authentication.der", authentication_certificate);
    save_certificate(path / "signature.der", signature_certificate);
    save_certificate(path / "authentication_ca.der", authentication_ca);
    save_certificate(path / "signature_ca.der", signature_ca);
    save_key(path / "authentication.key", authentication_key);
    save_key(path / "signature.key", signature_key);
    save_key(path / "authentication_ca.key", authentication_ca_key);
    save_key(path / "signature_ca.key", signature_ca_key);
}

}  // namespace jpki::model
