// Facts about the module and the programs that use it.
#include "doctor.hpp"
#include "exit_status.hpp"
#include "run_program.hpp"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <sstream>
#include <unistd.h>

namespace jpki::tool {

namespace {

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

std::vector<BrowserFacts> look_at_browsers(const Places& places) {
    std::vector<BrowserProfile> profiles = firefox_profiles(places);
    for (BrowserProfile& profile : chromium_profiles(places)) profiles.push_back(std::move(profile));
    std::vector<BrowserFacts> browsers;
    for (BrowserProfile& profile : profiles) {
        if (!profile.in_use()) continue;
        BrowserFacts facts{std::move(profile), NssModules::State::none, {}, true};
        try {
            const NssModules modules(facts.profile.directory);
            facts.state = modules.state();
            facts.library = modules.library();
            facts.library_exists = facts.library.empty() || ::access(facts.library.c_str(), R_OK) == 0;
        } catch (const Failure&) {
            // A database that cannot be read has nothing registered, as far as anybody knows.
        }
        browsers.push_back(std::move(facts));
    }
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
