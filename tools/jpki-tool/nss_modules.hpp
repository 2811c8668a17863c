// The PKCS#11 modules of an NSS database (its file pkcs11.txt), and our entry among them. NSS writes that file; here it is read,
// and NSS's own modutil changes it.
#pragma once

#include "signals.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace jpki::tool {

// The name under which `register` adds the module: by it, and by nothing else, the entry is known again.
inline constexpr const char* nss_module_name = "My Number Card";

class NssModules {
public:
    enum class State {
        none,        // the card cannot be used through this database
        ours,        // as `register` adds it
        by_hand,     // the module, under another name
        by_p11_kit,  // p11-kit's proxy, which brings the module along
    };

    // Throws Failure(file_error) when pkcs11.txt is there and cannot be read. Without it there are no modules.
    explicit NssModules(const std::filesystem::path& database);

    State state() const noexcept { return state_; }
    // Of the entry that decided the state; empty for none.
    const std::string& library() const noexcept { return library_; }
    const std::string& name() const noexcept { return name_; }

private:
    void judge(const std::string& library, const std::string& name);

    State state_ = State::none;
    std::string library_, name_;
};

// Throws Failure with the remedy where modutil is not installed.
void need_modutil();

// A database without a password in `database`, which need not be there. Throws Failure.
void create_nss_database(const std::filesystem::path& database, const Signals& signals);

// Adds the module under nss_module_name, in place of an older entry of that name; or removes that entry. When it fails, or a
// signal comes, pkcs11.txt is as before. Throws Failure(file_error) and Interrupted.
void add_nss_module(const std::filesystem::path& database, const std::string& module, const Signals& signals);
void remove_nss_module(const std::filesystem::path& database, const Signals& signals);

}  // namespace jpki::tool
