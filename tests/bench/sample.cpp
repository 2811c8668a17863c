#include "sample.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

namespace jpki::bench {

namespace {

using nlohmann::json;

constexpr unsigned seconds_for_a_row = 60;

// Our module's settings for the child: neither the system's nor the user's file. OpenSC ignores them.
class SettingsFile {
public:
    explicit SettingsFile(const char* toml) {
        const char* directory = std::getenv("TMPDIR");
        path_ = std::string(directory ? directory : "/tmp") + "/jpki-bench-XXXXXX";
        const int descriptor = ::mkstemp(path_.data());
        if (descriptor < 0) throw std::runtime_error("cannot make " + path_);
        ::close(descriptor);
        std::ofstream(path_) << toml;
    }
    ~SettingsFile() { ::unlink(path_.c_str()); }
    SettingsFile(const SettingsFile&) = delete;
    SettingsFile& operator=(const SettingsFile&) = delete;
    const char* path() const { return path_.c_str(); }

private:
    std::string path_;
};

std::string read_all(int descriptor) {
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

[[noreturn]] void be_the_child(const std::function<json()>& work, int pipe) {
    ::alarm(seconds_for_a_row);
    json result;
    try {
        result = work();
    } catch (const std::exception& error) {
        result = {{"cannot", error.what()}};
    }
    const std::string text = result.dump(-1, ' ', false, json::error_handler_t::replace);
    const bool written = ::write(pipe, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(written ? 0 : 1);  // not exit: the parent's open and buffered files must stay the parent's
}

json in_child(const std::function<json()>& work) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork");
    if (child == 0) {
        ::close(ends[0]);
        be_the_child(work, ends[1]);
    }
    ::close(ends[1]);
    const std::string text = read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) return {{"cannot", std::string("ended by a signal: ") + ::strsignal(WTERMSIG(status))}};
    return json::parse(text);
}

json perform(const Row& row, const std::string& path, const std::string& control) {
    CardControl card(control);
    card.forget_everything();
    const Module module(path);
    Meter meter(card);
    Run run{module, card, meter, 1, {}, false};
    row.perform(run);
    if (!run.finalized) module.finalize();
    const auto& counts = meter.counts();
    const double repeats = run.repeats;
    return {{"commands", static_cast<double>(counts.commands) / repeats},
            {"bytes", static_cast<double>(counts.bytes) / repeats},
            {"signatures", static_cast<double>(counts.signatures) / repeats},
            {"milliseconds", meter.milliseconds() / repeats},
            {"notes", run.notes}};
}

}  // namespace

Sample take_sample(const Row& row, const ModuleUnderTest& module, const std::string& control) {
    const SettingsFile settings(row.consent_for_each ? "[signature]\nconsent = \"each\"\n" : "");
    ::setenv("JPKI_PKCS11_CONFIG", settings.path(), 1);
    const json result = in_child([&] { return perform(row, module.path, control); });
    if (result.contains("cannot")) return {0, 0, 0, 0, {}, result.at("cannot").get<std::string>()};
    return {result.at("commands").get<double>(),
            result.at("bytes").get<double>(),
            result.at("signatures").get<double>(),
            result.at("milliseconds").get<double>(),
            result.at("notes").get<std::vector<std::string>>(),
            {}};
}

CertificateSizes take_sizes(const ModuleUnderTest& module, const std::string& control) {
    const SettingsFile settings("");
    ::setenv("JPKI_PKCS11_CONFIG", settings.path(), 1);
    const json result = in_child([&]() -> json {
        CardControl card(control);
        const Module loaded(module.path);
        Meter meter(card);
        const CertificateSizes sizes = certificate_sizes({loaded, card, meter, 1, {}, false});
        loaded.finalize();
        return {sizes.authentication, sizes.authentication_ca, sizes.signature, sizes.signature_ca};
    });
    if (!result.is_array()) throw std::runtime_error(module.name + ": " + result.at("cannot").get<std::string>());
    return {result[0].get<std::size_t>(), result[1].get<std::size_t>(), result[2].get<std::size_t>(),
            result[3].get<std::size_t>()};
}

}  // namespace jpki::bench
