#include "nss_modules.hpp"

#include "exit_status.hpp"
#include "i18n.hpp"
#include "output_file.hpp"
#include "run_program.hpp"
#include "text.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki::tool {

namespace {

using std::filesystem::path;

constexpr std::uintmax_t size_limit = 1'000'000;
// Longer than the module waits for a card that another program holds.
constexpr std::chrono::milliseconds patience{60'000};

[[noreturn]] void cannot_read(const path& file, const std::string& reason) {
    throw Failure(Exit::file_error, fill(_("Cannot read {0}: {1}"), {printable(file.string()), reason}));
}

// The content of pkcs11.txt; no value when there is none. modutil never ends where this is a directory.
std::optional<std::string> read_list(const path& database) {
    const path file = database / "pkcs11.txt";
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) {
        if (errno == ENOENT) return std::nullopt;
        cannot_read(file, std::strerror(errno));
    }
    if (!S_ISREG(found.st_mode) || static_cast<std::uintmax_t>(found.st_size) > size_limit)
        throw Failure(Exit::file_error, fill(_("{0} is not a list of modules as NSS writes it."), {printable(file.string())}));
    std::ifstream stream(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) cannot_read(file, std::strerror(errno));
    return text;
}

// The value of "key=value"; NSS takes keys in any case.
std::optional<std::string> value_of(const std::string& line, const char* key) {
    const std::size_t length = std::strlen(key);
    if (line.size() <= length || line[length] != '=' || ::strncasecmp(line.c_str(), key, length) != 0) return std::nullopt;
    std::string value = line.substr(length + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return value;
}

// pkcs11.txt as it was, to go back to.
class Snapshot {
public:
    explicit Snapshot(const path& database) : file_(database / "pkcs11.txt"), before_(read_list(database)) {}
    ~Snapshot() {
        if (!kept_) restore();
    }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    void keep_changes() noexcept { kept_ = true; }

private:
    void restore() noexcept {
        try {
            const auto now = read_list(file_.parent_path());
            if (now == before_) return;
            if (!before_) {
                ::unlink(file_.c_str());
            } else if (now && now->starts_with(*before_)) {  // NSS appends; this works on a full disk too
                std::filesystem::resize_file(file_, before_->size());
            } else {
                OutputFile file(file_.string(), 0600);
                file.write(*before_);
                file.commit();
            }
        } catch (const std::exception&) {
            // What went wrong first is what the user is told.
        }
    }

    path file_;
    std::optional<std::string> before_;
    bool kept_ = false;
};

// Runs a tool of NSS on the database.
void run_nss(const std::vector<std::string>& command, const path& database, const Signals& signals) {
    const auto result = run_program(command, {patience, true, &signals});
    signals.check();
    if (result && result->ended && result->status == 0) return;
    std::string words = result && result->ended ? printable(result->output.substr(0, result->output.find_last_not_of('\n') + 1))
                                                : std::string(_("it did not end"));
    throw Failure(Exit::file_error, fill(_("Cannot change the NSS database {0}. {1} says: {2}"),
                                         {printable(database.string()), command[0], words}));
}

std::string argument(const path& database) { return "sql:" + database.string(); }

void delete_entry(const path& database, const Signals& signals) {
    run_nss({"modutil", "-force", "-dbdir", argument(database), "-delete", nss_module_name}, database, signals);
}

void check_result(const path& database, NssModules::State wanted) {
    if ((NssModules(database).state() == NssModules::State::ours) == (wanted == NssModules::State::ours)) return;
    throw Failure(Exit::file_error, fill(_("modutil did not change the NSS database {0}."), {printable(database.string())}));
}

}  // namespace

NssModules::NssModules(const path& database) {
    std::istringstream lines(read_list(database).value_or(""));
    std::string library, name;
    for (std::string line; std::getline(lines, line);) {
        if (const auto value = value_of(line, "library")) library = *value;
        if (const auto value = value_of(line, "name")) name = *value;
        if (!line.empty()) continue;  // ends an entry
        judge(library, name);
        library.clear();
        name.clear();
    }
    judge(library, name);
}

void NssModules::judge(const std::string& library, const std::string& name) {
    const std::string file = path(library).filename().string();
    State found = State::none;
    if (name == nss_module_name) {
        found = State::ours;
    } else if (file == "jpki-pkcs11-auth.so" || file == "jpki-pkcs11.so") {
        found = State::by_hand;
    } else if (file.starts_with("p11-kit-proxy")) {
        found = State::by_p11_kit;
    }
    if (found == State::none || state_ == State::ours) return;
    if (state_ != State::none && found != State::ours) return;
    state_ = found;
    library_ = library;
    name_ = name;
}

void need_modutil() {
    if (is_installed("modutil")) return;
    throw Failure(Exit::failure,
                  _("NSS's program modutil, which this needs, is not installed. Install it: apt install libnss3-tools "
                    "(Fedora: dnf install nss-tools)"));
}

void create_nss_database(const path& database, const Signals& signals) {
    std::error_code error;
    const mode_t mask = ::umask(077);  // as browsers do
    std::filesystem::create_directories(database, error);
    ::umask(mask);
    if (error) throw Failure(Exit::file_error, fill(_("Cannot write {0}: {1}"), {printable(database.string()), error.message()}));
    // The password protects private keys in the database itself, of which there are none.
    run_nss({"certutil", "-N", "--empty-password", "-d", argument(database)}, database, signals);
}

void add_nss_module(const path& database, const std::string& module, const Signals& signals) {
    Snapshot snapshot(database);
    if (NssModules(database).state() == NssModules::State::ours) delete_entry(database, signals);
    run_nss({"modutil", "-force", "-dbdir", argument(database), "-add", nss_module_name, "-libfile", module}, database, signals);
    check_result(database, NssModules::State::ours);
    snapshot.keep_changes();
}

void remove_nss_module(const path& database, const Signals& signals) {
    Snapshot snapshot(database);
    delete_entry(database, signals);
    check_result(database, NssModules::State::none);
    snapshot.keep_changes();
}

}  // namespace jpki::tool
