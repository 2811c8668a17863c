// Facts about the module and the programs that use it.
#include "doctor.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <p11-kit/pkcs11.h>
#include <sstream>
#include <unistd.h>

namespace jpki::tool {

namespace {

using std::filesystem::path;

path from_environment(const char* name, const path& otherwise) {
    const char* value = ::secure_getenv(name);
    return value != nullptr && *value == '/' ? path(value) : otherwise;
}

// An NSS database lists its modules in pkcs11.txt; p11-kit's proxy includes our module.
bool names_the_module(const path& database) {
    std::ifstream stream(database / "pkcs11.txt");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    return text.find("jpki-pkcs11") != std::string::npos || text.find("p11-kit-proxy") != std::string::npos;
}

void add_firefox(const path& base, BrowserFacts::Packaging packaging, std::vector<BrowserFacts>& browsers) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(base, error))
        if (std::filesystem::exists(entry.path() / "cert9.db", error))
            browsers.push_back({BrowserFacts::Kind::firefox, packaging, entry.path().string(), names_the_module(entry.path())});
}

void add_chromium(const path& database, BrowserFacts::Packaging packaging, std::vector<BrowserFacts>& browsers) {
    std::error_code error;
    if (std::filesystem::exists(database / "cert9.db", error))
        browsers.push_back({BrowserFacts::Kind::chromium, packaging, database.string(), names_the_module(database)});
}

// Calls the module through its C ABI, as any program does.
void ask_module(ModuleFacts& facts, void* library) {
    // POSIX guarantees that a function's address fits into the result of dlsym.
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    CK_FUNCTION_LIST* f = nullptr;
    if (get == nullptr || get(&f) != CKR_OK || f == nullptr) {
        facts.problem = "no C_GetFunctionList";
        return;
    }
    if (const CK_RV rv = f->C_Initialize(nullptr); rv != CKR_OK) {
        facts.problem = "C_Initialize: " + std::to_string(rv);
        return;
    }
    CK_INFO info{};
    if (f->C_GetInfo(&info) == CKR_OK) {
        facts.loads = true;
        facts.version = {info.libraryVersion.major, info.libraryVersion.minor};
    } else {
        facts.problem = "C_GetInfo";
    }
    f->C_Finalize(nullptr);
}

}  // namespace

Places places_of_this_user() {
    Places places;
    places.home = from_environment("HOME", "/nonexistent");
    places.config_home = from_environment("XDG_CONFIG_HOME", places.home / ".config");
    places.data_home = from_environment("XDG_DATA_HOME", places.home / ".local/share");
    return places;
}

std::vector<BrowserFacts> look_at_browsers(const Places& places) {
    using Packaging = BrowserFacts::Packaging;
    std::vector<BrowserFacts> browsers;
    add_firefox(places.home / ".mozilla/firefox", Packaging::native, browsers);
    add_firefox(places.config_home / "mozilla/firefox", Packaging::native, browsers);
    add_firefox(places.home / "snap/firefox/common/.mozilla/firefox", Packaging::snap, browsers);
    add_firefox(places.home / "snap/firefox/common/.config/mozilla/firefox", Packaging::snap, browsers);
    add_firefox(places.home / ".var/app/org.mozilla.firefox/.mozilla/firefox", Packaging::flatpak, browsers);
    add_firefox(places.home / ".var/app/org.mozilla.firefox/config/mozilla/firefox", Packaging::flatpak, browsers);
    add_chromium(places.home / ".pki/nssdb", Packaging::native, browsers);
    add_chromium(places.data_home / "pki/nssdb", Packaging::native, browsers);
    add_chromium(places.home / "snap/chromium/current/.pki/nssdb", Packaging::snap, browsers);
    add_chromium(places.home / "snap/chromium/current/.local/share/pki/nssdb", Packaging::snap, browsers);
    add_chromium(places.home / ".var/app/org.chromium.Chromium/.pki/nssdb", Packaging::flatpak, browsers);
    add_chromium(places.home / ".var/app/org.chromium.Chromium/data/pki/nssdb", Packaging::flatpak, browsers);
    return browsers;
}

// Blocks of lines: "module-name: file" at the margin, "    token: label" and its details indented.
void read_p11_kit_listing(const std::string& listing, ModuleFacts& facts) {
    std::istringstream lines(listing);
    std::string line, module;
    while (std::getline(lines, line)) {
        if (!line.empty() && line[0] != ' ') module = line;
        const std::size_t token = line.find("token: ");
        const bool ours = module.find("jpki-pkcs11") != std::string::npos;
        if (ours) facts.p11_kit_knows = true;
        if (token == std::string::npos || line.find("JPKI", token) == std::string::npos) continue;
        if (ours) ++facts.tokens_of_ours;
        if (module.find("opensc") != std::string::npos) ++facts.tokens_of_opensc;
    }
}

ModuleFacts look_at_module(const std::string& path) {
    ModuleFacts facts;
    facts.path = path;
    facts.exists = ::access(path.c_str(), R_OK) == 0;
    if (facts.exists) {
        if (void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
            ask_module(facts, library);
            ::dlclose(library);
        } else if (const char* error = ::dlerror()) {
            facts.problem = error;
        }
    }
    if (const auto listing = output_of({"p11-kit", "list-modules"})) {
        facts.p11_kit_there = true;
        read_p11_kit_listing(*listing, facts);
    }
    return facts;
}

}  // namespace jpki::tool
