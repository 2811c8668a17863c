// jpki-tool register: puts the module into the NSS databases of browsers, and takes it out again.
#include "browser_profiles.hpp"
#include "command.hpp"
#include "i18n.hpp"
#include "nss_modules.hpp"
#include "profile_user.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace jpki::tool {

namespace {

using std::filesystem::path;

struct Options {
    bool remove = false, dry_run = false;
    std::string module = JPKI_AUTH_MODULE_PATH;
    std::string directory;  // of "nss"
};

// What is to be done with one profile, and what came of it.
struct Step {
    enum class Action { none, add, remove };
    BrowserProfile profile;
    const char* state = "";  // as --json gives it
    std::string text, remedy;
    Action action = Action::none;
};

std::string shown(const BrowserProfile& profile) {
    return shown_name(profile.browser) + " (" + printable(profile.directory.string()) + ")";
}

Step plan_removal(const BrowserProfile& profile, const NssModules& modules, bool dry_run) {
    using State = NssModules::State;
    switch (modules.state()) {
    case State::ours:
        return {profile, "removed", fill(dry_run ? _("{0}: would be removed.") : _("{0}: removed."), {shown(profile)}), "",
                Step::Action::remove};
    case State::by_hand:
        return {profile, "registered-by-hand",
                fill(_("{0}: not registered by this command; the entry \"{1}\" ({2}) is left as it is."),
                     {shown(profile), printable(modules.name()), printable(modules.library())}),
                ""};
    default: return {profile, "not-registered", fill(_("{0}: was not registered."), {shown(profile)}), ""};
    }
}

Step plan_addition(const BrowserProfile& profile, const NssModules& modules, const Options& options) {
    using State = NssModules::State;
    switch (modules.state()) {
    case State::ours:
        if (modules.library() == options.module)
            return {profile, "already-registered", fill(_("{0}: already registered."), {shown(profile)}), ""};
        return {profile, "registered",
                fill(options.dry_run ? _("{0}: would be registered, in place of {1}.") : _("{0}: registered, in place of {1}."),
                     {shown(profile), printable(modules.library())}),
                "", Step::Action::add};
    case State::by_hand:
        return {profile, "registered-by-hand",
                fill(_("{0}: already registered, as \"{1}\" ({2})."),
                     {shown(profile), printable(modules.name()), printable(modules.library())}),
                ""};
    case State::by_p11_kit:
        return {profile, "by-p11-kit", fill(_("{0}: gets the module from p11-kit already."), {shown(profile)}), ""};
    default:
        return {profile, "registered",
                fill(options.dry_run ? _("{0}: would be registered.") : _("{0}: registered."), {shown(profile)}), "",
                Step::Action::add};
    }
}

Step plan(const BrowserProfile& profile, const Options& options) {
    if (profile.packaging != Packaging::native) {
        const Sandbox sandbox = about_sandbox(profile);
        return {profile, name_of(profile.packaging), sandbox.text, sandbox.remedy};
    }
    if (profile.browser == Browser::firefox && !profile.has_database)
        return {profile, "unused", fill(_("{0}: left out, Firefox has not used this profile."), {shown(profile)}), ""};
    const NssModules modules(profile.directory);
    Step step = options.remove ? plan_removal(profile, modules, options.dry_run) : plan_addition(profile, modules, options);
    if (step.action == Step::Action::add && !profile.has_database && profile.browser == Browser::chromium)
        step.remedy =
            fill(_("An older Chromium (before 146) makes {0} itself: start it once before this command."), {"~/.pki/nssdb"});
    return step;
}

// What would make the change fail or do harm.
void check_writable(const path& directory) {
    struct stat found {};
    if (::stat(directory.c_str(), &found) != 0) return;  // to be created
    const std::string name = printable(directory.string());
    if (found.st_uid != ::geteuid())
        throw Failure(Exit::file_error, fill(_("{0} belongs to another user: run this command as that user."), {name}));
    const path list = directory / "pkcs11.txt";
    if (::access(directory.c_str(), W_OK) != 0 || (::access(list.c_str(), F_OK) == 0 && ::access(list.c_str(), W_OK) != 0))
        throw Failure(Exit::file_error, fill(_("Cannot write {0}: {1}"), {name, std::strerror(errno)}));
}

void check_steps(const std::vector<Step>& steps, const Places& places) {
    for (const Step& step : steps) {
        if (step.action == Step::Action::none) continue;
        check_writable(step.profile.directory);
        if (const auto user = user_of(step.profile, places))
            throw Failure(Exit::in_use, fill(_("{0} is in use: {1}. {2} Nothing was changed."),
                                             {shown(step.profile), user->who, user->remedy}));
    }
}

void check_module(Options& options) {
    std::error_code error;
    options.module = std::filesystem::absolute(options.module, error).lexically_normal().string();
    const bool is_file = std::filesystem::is_regular_file(options.module, error);
    if (!is_file || ::access(options.module.c_str(), R_OK) != 0)
        throw Failure(Exit::file_error,
                      fill(_("The module {0} is not there."), {printable(options.module)}) + " " + _("Install jpki-pkcs11."));
    // A line of pkcs11.txt is a value of NSS.
    if (std::ranges::any_of(options.module, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
        throw Failure(Exit::usage, fill(_("NSS cannot load a module of this name: {0}"), {printable(options.module)}));
}

void take(const Step& step, const Options& options, const Signals& signals) {
    const path& directory = step.profile.directory;
    if (step.action == Step::Action::remove) {
        remove_nss_module(directory, signals);
    } else if (step.action == Step::Action::add) {
        if (!step.profile.has_database) create_nss_database(directory, signals);
        add_nss_module(directory, options.module, signals);
    }
}

void show(Context& context, const std::vector<Step>& steps, const Options& options) {
    std::string text;
    Json profiles = Json::array();
    for (const Step& step : steps) {
        text += step.text + "\n";
        if (!step.remedy.empty()) text += "  -> " + step.remedy + "\n";
        profiles.push_back({{"directory", printable(step.profile.directory.string())},
                            {"packaging", name_of(step.profile.packaging)},
                            {"state", step.state},
                            {"changed", step.action != Step::Action::none && !options.dry_run},
                            {"text", step.text},
                            {"remedy", step.remedy}});
    }
    if (options.dry_run) text += std::string(_("Nothing was changed: --dry-run.")) + "\n";
    context.output.text(text);
    context.output.document(context.command, Exit::ok,
                            Json{{"module", printable(options.module)},
                                 {"dry_run", options.dry_run},
                                 {"remove", options.remove},
                                 {"profiles", profiles}});
}

Exit run_steps(Context& context, const std::vector<BrowserProfile>& profiles, Options options, const Places& places,
               const std::string& nothing) {
    if (!options.remove) check_module(options);
    std::vector<Step> steps;
    for (const BrowserProfile& profile : profiles) steps.push_back(plan(profile, options));
    const bool any = std::ranges::any_of(steps, [](const Step& step) {
        return step.profile.packaging == Packaging::native && std::strcmp(step.state, "unused") != 0;
    });
    if (!any) {
        for (const Step& step : steps) context.output.note(step.text + (step.remedy.empty() ? "" : "\n  -> " + step.remedy));
        throw Failure(Exit::no_profile, nothing);
    }
    if (std::ranges::any_of(steps, [](const Step& step) { return step.action != Step::Action::none; })) need_modutil();
    check_steps(steps, places);
    if (!options.dry_run)
        for (const Step& step : steps) take(step, options, context.signals);
    show(context, steps, options);
    return Exit::ok;
}

Exit register_firefox(Context& context, const Options& options) {
    const Places places = places_of_this_user();
    return run_steps(context, firefox_profiles(places), options, places,
                     _("There is no profile of Firefox that could be used. Start Firefox once, close it, and run this again."));
}

Exit register_chromium(Context& context, const Options& options) {
    const Places places = places_of_this_user();
    std::vector<BrowserProfile> profiles = chromium_profiles(places);
    // Nothing is created for a browser that this user has only as Snap or Flatpak.
    if (!profiles[0].in_use() && profiles.size() > 1) profiles.erase(profiles.begin());
    return run_steps(context, profiles, options, places,
                     _("There is no Chromium here that could use the module: Snap and Flatpak cannot load it."));
}

Exit register_nss(Context& context, const Options& options) {
    std::string name = options.directory;
    if (name.starts_with("sql:")) name = name.substr(4);
    std::error_code error;
    const path directory = std::filesystem::absolute(name, error);
    if (!std::filesystem::exists(directory / "cert9.db", error))
        throw Failure(Exit::no_profile,
                      fill(_("{0} has no NSS database (cert9.db). Make one: certutil -N --empty-password -d sql:{0}"),
                           {printable(directory.string())}));
    return run_steps(context, {{Browser::other, Packaging::native, directory, true, false}}, options, places_of_this_user(), "");
}

}  // namespace

void add_register(CLI::App& app, Context& context) {
    CLI::App* parent = add_command(app, context, "register", _("Register the module in browser profiles, or remove it"), {});
    parent->require_subcommand(1);
    const auto add = [&](const char* name, const std::string& description, Exit (*run)(Context&, const Options&)) {
        const auto options = std::make_shared<Options>();
        CLI::App* command = add_command(*parent, context, std::string("register ") + name, description,
                                        [&context, options, run] { return run(context, *options); });
        command->add_flag("--remove", options->remove, _("Remove the entry that this command added, and no other"));
        command->add_flag("--dry-run", options->dry_run, _("Say what would be done, and change nothing"));
        command->add_option("--module", options->module, _("The module to register"))->capture_default_str();
        if (std::strcmp(name, "nss") == 0)
            command->add_option("DIR", options->directory, _("The directory of the NSS database"))->required();
    };
    add("firefox", _("In every profile of Firefox"), register_firefox);
    add("chromium", _("In the database of Chromium, Chrome, Edge and Brave"), register_chromium);
    add("nss", _("In any NSS database: of Thunderbird, LibreOffice, pdfsig ..."), register_nss);
}

}  // namespace jpki::tool
