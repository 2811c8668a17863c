// A command's output: text for a user, or one JSON document for a program (--json).
#pragma once

#include "exit_status.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace jpki::tool {

using Json = nlohmann::ordered_json;

// The version of the output of --json. Members may be added within a version; a changed meaning needs a new one.
inline constexpr const char* json_schema = "jpki-tool/1";

class Output {
public:
    explicit Output(bool json) : json_(json) {}

    bool json() const noexcept { return json_; }

    // Text on standard output; nothing with --json. Throws Failure if standard output cannot be written.
    void text(std::string_view text);
    // A line on standard error, also with --json: what the user at the terminal must know now.
    void note(std::string_view text);
    // The result of `command`, with --json only.
    void document(const std::string& command, Exit exit, const Json& result);
    // That `command` failed, and why, with --json only.
    void failure(const std::string& command, Exit exit, const Json& error);
    // The same on one line, for commands that print documents until they are ended.
    void document_line(const std::string& command, const Json& result);
    // Raw bytes on standard output, with --json too.
    void bytes(std::string_view bytes) { write(bytes); }

    // Progress of something slow, on standard error and only when that is a terminal. Empty text clears the line.
    void progress(std::string_view text);

private:
    void write(std::string_view text);

    bool json_;
    bool progress_shown_ = false;
};

}  // namespace jpki::tool
